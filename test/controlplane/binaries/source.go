package binaries

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

const (
	// modulePath is where this module lies in the repository.
	modulePath = "test/controlplane"
	// hashLength is how many hexadecimal digits tell the few entries of a cache apart.
	hashLength = 12
)

// source is the folder of this module, in the checkout that is being tested.
type source string

// findSource looks upwards from the working directory, which `go test` sets to a package of the
// checkout, and then at where this file was compiled: a program built with `go build` may be run from
// anywhere. It does not ask `go`, which takes longer than everything else in a second call.
func findSource() (source, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if s := source(filepath.Join(dir, modulePath)); s.valid() {
			return s, nil
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	if _, file, _, ok := runtime.Caller(0); ok {
		if s := source(filepath.Dir(filepath.Dir(file))); s.valid() {
			return s, nil
		}
	}
	return "", fmt.Errorf("no folder %s/build here or above, where the versions to build are pinned: run this inside the kroguard repository",
		modulePath)
}

func (s source) valid() bool {
	_, err := os.Stat(filepath.Join(string(s), "build", "kubernetes", "go.mod"))
	return filepath.IsAbs(string(s)) && err == nil
}

func (s source) repository() string {
	return filepath.Dir(filepath.Dir(string(s)))
}

// pin is the folder of a module that pins versions.
func (s source) pin(name string) string {
	return filepath.Join(string(s), "build", name)
}

// versioned is the folder that pins another version of what pin(name) does: the one named after the version.
func (s source) versioned(name, version string) (string, error) {
	if version == "" {
		return s.pin(name), nil
	}
	dir := s.pin(name + "-" + version)
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		others, _ := filepath.Glob(s.pin(name + "-*"))
		for i := range others {
			others[i] = strings.TrimPrefix(filepath.Base(others[i]), name+"-")
		}
		return "", fmt.Errorf("no %s %s is pinned in %s: there are the default and %s",
			name, version, filepath.Join(modulePath, "build"), strings.Join(others, ", "))
	}
	return dir, nil
}

// pinnedVersion reads the version that the go.mod file in dir requires of a module. Reading one line
// needs neither `go` nor a parser: `go mod tidy` formats these files.
func pinnedVersion(dir, module string) (string, error) {
	path := filepath.Join(dir, "go.mod")
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(lines.Text()), "require "))
		if len(fields) >= 2 && fields[0] == module && strings.HasPrefix(fields[1], "v") {
			return fields[1], nil
		}
	}
	if err := lines.Err(); err != nil {
		return "", err
	}
	return "", fmt.Errorf("%s does not require %s: run `go mod tidy` in its folder", path, module)
}

// contentVersion stands for the version of a package in this checkout: a hash of its files.
func contentVersion(dir string) (string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	for _, file := range files { // Glob sorts
		content, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%s %d\n%s", filepath.Base(file), len(content), content)
	}
	return hex.EncodeToString(sum.Sum(nil))[:hashLength], nil
}
