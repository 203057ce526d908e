package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"
)

const (
	registryService = "harbor-registry"
	tokenIssuer     = "harbor-token-issuer"
)

// tokenKey signs the tokens that container runtimes get, and knows its own signature again.
type tokenKey struct{ *rsa.PrivateKey }

// grant is a token's word for what it is good for.
type grant struct {
	Type    string   `json:"type"`
	Name    string   `json:"name"`
	Actions []string `json:"actions"`
}

type claims struct {
	Issuer    string  `json:"iss"`
	Subject   string  `json:"sub"`
	Audience  string  `json:"aud"`
	Expires   int64   `json:"exp"`
	NotBefore int64   `json:"nbf"`
	Issued    int64   `json:"iat"`
	ID        string  `json:"jti"`
	Access    []grant `json:"access"`
}

func readTokenKey(file string) (*tokenKey, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "RSA PRIVATE KEY" {
		return nil, fmt.Errorf("%s: no RSA PRIVATE KEY (PKCS#1) in it", file)
	}
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	return &tokenKey{key}, err
}

func (k *tokenKey) sign(said claims) (string, error) {
	body, err := json.Marshal(said)
	if err != nil {
		return "", err
	}
	text := encode([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + encode(body)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, k.PrivateKey, crypto.SHA256, sum[:])
	return text + "." + encode(signature), err
}

// verify is who a token speaks for: nobody when it is over, or another key signed it.
func (k *tokenKey) verify(token string) identity {
	text, last := token, strings.LastIndex(token, ".")
	if last > 0 {
		text = token[:last]
	}
	_, middle, _ := strings.Cut(text, ".")
	signature, err := base64.RawURLEncoding.DecodeString(token[last+1:])
	sum := sha256.Sum256([]byte(text))
	if err != nil || rsa.VerifyPKCS1v15(&k.PublicKey, crypto.SHA256, sum[:], signature) != nil {
		return identity{}
	}
	var said claims
	body, err := base64.RawURLEncoding.DecodeString(middle)
	if err != nil || json.Unmarshal(body, &said) != nil || time.Now().Unix() >= said.Expires || said.Issuer != tokenIssuer {
		return identity{}
	}
	who := identity{kind: "token", name: said.Subject, access: map[string][]string{}}
	for _, found := range said.Access {
		project, _, _ := strings.Cut(found.Name, "/")
		who.access[project] = append(who.access[project], found.Actions...)
	}
	return who
}

func encode(bytes []byte) string { return base64.RawURLEncoding.EncodeToString(bytes) }

// token is Harbor's token service. With a scope it answers anybody, a wrong password too: what the token
// is good for is what nobody may, then.
func (c *core) token(w http.ResponseWriter, r *http.Request) {
	// container runtimes that know OAuth try POST first, and turn to GET when told so
	if r.Method != http.MethodGet {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	if service := r.URL.Query().Get("service"); service != registryService {
		http.Error(w, "Unable to handle service", http.StatusBadRequest)
		return
	}
	if err := c.store.sync(); err != nil {
		c.refuse(w, err)
		return
	}
	who, err := c.identify(w, r)
	if err != nil {
		c.refuse(w, err)
		return
	}
	var scopes []string
	for _, scope := range r.URL.Query()["scope"] {
		scopes = append(scopes, strings.Fields(scope)...)
	}
	if who.kind == "" && len(scopes) == 0 {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	minutes := number(c.setting("token_expiration"))
	began := time.Now().UTC()
	said := claims{Issuer: tokenIssuer, Subject: who.name, Audience: registryService, ID: random(8),
		Issued: began.Unix(), NotBefore: began.Unix(), Expires: began.Unix() + 60*minutes, Access: c.grants(who, scopes)}
	signed, err := c.tokens.sign(said)
	if err != nil {
		c.refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	json.NewEncoder(w).Encode(doc{"token": signed, "access_token": "", "expires_in": 60 * minutes,
		"issued_at": began.Format(time.RFC3339)})
}

// grants are what somebody may with what was asked for, whichever actions they asked for.
func (c *core) grants(who identity, scopes []string) []grant {
	found := []grant{}
	for _, scope := range scopes {
		kind, rest, _ := strings.Cut(scope, ":")
		name := rest
		if last := strings.LastIndex(rest, ":"); last >= 0 {
			name = rest[:last]
		}
		given := grant{kind, name, []string{}}
		project, _, deep := strings.Cut(name, "/")
		if stored := c.store.one("projects", "name", project); kind == "repository" && deep && stored != nil {
			for _, action := range []string{"pull", "push", "delete"} {
				if c.may(who, stored, action) {
					given.Actions = append(given.Actions, action)
				}
			}
		}
		found = append(found, given)
	}
	return found
}
