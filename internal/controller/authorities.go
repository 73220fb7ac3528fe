package controller

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"time"
)

const (
	// authorityGrace is how long an authority that no certificate of this replica has any more stays in the webhook configurations:
	// other replicas may still serve one of its certificates.
	authorityGrace = 10 * time.Minute
	// maxAuthorities bounds what stays, against a Secret that changes without end.
	maxAuthorities = 8
)

// authorities remembers since when an authority has been superseded.
type authorities struct {
	since map[[sha256.Size]byte]time.Time
}

// merge returns the PEM bundle to have in place of current: wanted, and after it what only current has, for a while. It returns when to
// look again, zero for never.
func (a *authorities) merge(wanted, current []byte, now time.Time) (bundle []byte, again time.Duration) {
	known := map[[sha256.Size]byte]bool{}
	for _, block := range certificatesIn(wanted) {
		known[sha256.Sum256(block.Bytes)] = true
	}
	bundle = bytes.Clone(wanted)
	since := map[[sha256.Size]byte]time.Time{}
	for _, block := range certificatesIn(current) {
		sum := sha256.Sum256(block.Bytes)
		if known[sum] || len(known) >= maxAuthorities || expired(block.Bytes, now) {
			continue
		}
		known[sum] = true
		superseded, ok := a.since[sum]
		if !ok {
			superseded = now
		}
		since[sum] = superseded
		left := authorityGrace - now.Sub(superseded)
		if left <= 0 {
			continue
		}
		if !bytes.HasSuffix(bundle, []byte("\n")) {
			bundle = append(bundle, '\n')
		}
		bundle = append(bundle, pem.EncodeToMemory(block)...)
		again = sooner(again, left)
	}
	a.since = since
	return bundle, again
}

// certificatesIn are the certificates of a PEM bundle.
func certificatesIn(bundle []byte) []*pem.Block {
	var blocks []*pem.Block
	for block, rest := pem.Decode(bundle); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			blocks = append(blocks, block)
		}
	}
	return blocks
}

// expired reports whether a certificate is of no use any more; what is none never was.
func expired(der []byte, now time.Time) bool {
	certificate, err := x509.ParseCertificate(der)
	return err != nil || now.After(certificate.NotAfter)
}
