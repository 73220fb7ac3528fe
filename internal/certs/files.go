package certs

import (
	"fmt"
	"os"
	"path/filepath"
)

// Modes of the directory and its files: the private key is nobody else's.
const (
	dirMode  = 0o700
	fileMode = 0o600
)

// writeFiles puts the pair into the directory, each file in one step, the certificate last: cert-controller takes its presence
// for the sign that all is in place.
func writeFiles(dir string, m *material) error {
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return fmt.Errorf("making the certificate's directory: %w", err)
	}
	for _, file := range []struct {
		name    string
		content []byte
	}{{keyPrivateKey, m.keyPEM}, {keyCertificate, m.certificatePEM}} {
		if err := replaceFile(filepath.Join(dir, file.name), file.content); err != nil {
			return fmt.Errorf("writing %s: %w", file.name, err)
		}
	}
	return nil
}

// replaceFile writes a file so that a reader sees the old content or the new one, never a part.
func replaceFile(path string, content []byte) error {
	temporary := path + ".new"
	if err := os.WriteFile(temporary, content, fileMode); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
