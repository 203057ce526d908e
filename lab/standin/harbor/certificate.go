package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// useCertificate takes one that is there.
func (w *whole) useCertificate(certificate, key string) error {
	for name, file := range map[string]string{"tls.crt": certificate, "tls.key": key} {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := w.put(filepath.Join("nginx/etc/nginx/cert", name), string(text)); err != nil {
			return err
		}
	}
	return nil
}

// makeCertificate makes one for the address that is listened on, by a CA of this run.
func (w *whole) makeCertificate() error {
	host, _, err := net.SplitHostPort(w.listen)
	if err != nil {
		return err
	}
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "breakwater's lab stand-in"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0), IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: host}, NotBefore: authority.NotBefore,
		NotAfter: authority.NotAfter, DNSNames: []string{"localhost"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if address := net.ParseIP(host); address != nil {
		leaf.IPAddresses = []net.IP{address}
	} else {
		leaf.DNSNames = append(leaf.DNSNames, host)
	}
	keys := [2]*ecdsa.PrivateKey{}
	for at := range keys {
		if keys[at], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return err
		}
	}
	signer, err := x509.CreateCertificate(rand.Reader, authority, authority, &keys[0].PublicKey, keys[0])
	if err != nil {
		return err
	}
	signed, err := x509.CreateCertificate(rand.Reader, leaf, authority, &keys[1].PublicKey, keys[0])
	if err != nil {
		return err
	}
	secret, err := x509.MarshalECPrivateKey(keys[1])
	if err != nil {
		return err
	}
	for name, block := range map[string]*pem.Block{"ca.crt": {Type: "CERTIFICATE", Bytes: signer},
		"nginx/etc/nginx/cert/tls.crt": {Type: "CERTIFICATE", Bytes: signed},
		"nginx/etc/nginx/cert/tls.key": {Type: "EC PRIVATE KEY", Bytes: secret}} {
		if err := w.put(name, string(pem.EncodeToMemory(block))); err != nil {
			return err
		}
	}
	return nil
}

// pkcs1 is a new token key, in the form that Harbor reads.
func pkcs1() string {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // chance does not run out
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}
