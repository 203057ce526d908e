package main

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
)

// sentinel is stored encrypted when the database is new: another secretKey cannot read it.
const sentinel = "breakwater's stand-in"

// secretKey encrypts what the database keeps and core must read again: robots' secrets and registries'.
type secretKey struct{ cipher.AEAD }

func newSecretKey(text string) (*secretKey, error) {
	if len(text) != 16 {
		return nil, fmt.Errorf("secretKey: %d characters, not 16", len(text))
	}
	block, err := aes.NewCipher([]byte(text))
	if err != nil {
		return nil, err
	}
	mode, err := cipher.NewGCM(block)
	return &secretKey{mode}, err
}

func (k *secretKey) encrypt(plain string) string {
	nonce := make([]byte, k.NonceSize())
	rand.Read(nonce)
	return base64.StdEncoding.EncodeToString(k.Seal(nonce, nonce, []byte(plain), nil))
}

func (k *secretKey) decrypt(text string) (string, error) {
	sealed, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(sealed) < k.NonceSize() {
		return "", errors.New("not what secretKey encrypts")
	}
	plain, err := k.Open(nil, sealed[:k.NonceSize()], sealed[k.NonceSize():], nil)
	return string(plain), err
}

// hashed are the fields by which a user's password is known again.
func hashed(password string) doc {
	salt := random(16)
	return doc{"_salt": salt, "_password": stretched(password, salt)}
}

func passwordRight(user doc, password string) bool {
	return hmac.Equal([]byte(text(user["_password"])), []byte(stretched(password, text(user["_salt"]))))
}

func stretched(password, salt string) string {
	key, err := pbkdf2.Key(sha256.New, password, []byte(salt), 4096, 32)
	if err != nil {
		panic(err) // only for lengths that are constants here
	}
	return hex.EncodeToString(key)
}

var classes = []*regexp.Regexp{regexp.MustCompile("[A-Z]"), regexp.MustCompile("[a-z]"), regexp.MustCompile("[0-9]")}

// strong is Harbor's rule for passwords and for secrets.
func strong(password string) bool {
	for _, class := range classes {
		if !class.MatchString(password) {
			return false
		}
	}
	return len(password) >= 8 && len(password) <= 128
}
