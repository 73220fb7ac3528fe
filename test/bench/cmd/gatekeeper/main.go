// Command gatekeeper makes a copy of Gatekeeper in which its driver for CEL compiles against the version of k8s.io/apiserver
// that kroguard uses, and a go.mod that has it instead of the released one, for go build -modfile.
//
// Gatekeeper is built against k8s.io/apiserver v0.36. In v0.37 two fields of admission.VersionedAttributes have become of type
// admission.LazyObject; no version of Gatekeeper knows it yet, and there can be only one version of k8s.io/apiserver in a
// process. So the two expressions that set the fields are wrapped in admission.NewLazyObject, and all else is Gatekeeper's
// as released. The command fails where the text is not what it expects.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const (
	module = "github.com/open-policy-agent/gatekeeper/v3"
	file   = "pkg/drivers/k8scel/transform/request.go"
)

func main() {
	out := flag.String("out", "", "`folder` for the copy, go.mod and go.sum")
	flag.Parse()
	if err := run(context.Background(), *out); err != nil {
		fmt.Fprintln(os.Stderr, "adapting Gatekeeper:", err)
		os.Exit(1)
	}
}

// run is to be called in the folder of this module.
func run(ctx context.Context, out string) error {
	if out == "" {
		return errors.New("-out is needed")
	}
	out, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	dir, err := goCommand(ctx, "list", "-m", "-f", "{{.Dir}}", module)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	target := filepath.Join(out, "gatekeeper")
	if err := copySource(dir, target); err != nil {
		return err
	}
	if err := adapt(filepath.Join(target, filepath.FromSlash(file))); err != nil {
		return err
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(out, name), text, 0o600); err != nil {
			return err
		}
	}
	_, err = goCommand(ctx, "mod", "edit", "-replace", module+"="+target, filepath.Join(out, "go.mod"))
	return err
}

// copySource copies the folders with the packages that are imported.
func copySource(from, to string) error {
	for _, folder := range []string{"apis", "pkg"} {
		if err := os.CopyFS(filepath.Join(to, folder), os.DirFS(filepath.Join(from, folder))); err != nil {
			return err
		}
	}
	text, err := os.ReadFile(filepath.Join(from, "go.mod"))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(to, "go.mod"), text, 0o600)
}

func adapt(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for _, call := range []string{"wrapped.GetOldObject()", "wrapped.GetObject()"} {
		if bytes.Count(text, []byte(call)) != 1 {
			return fmt.Errorf("%s is not as expected: %s is not in it once", path, call)
		}
		text = bytes.Replace(text, []byte(call), []byte("admission.NewLazyObject("+call+")"), 1)
	}
	// Files of the module cache are read-only, and so is the copy.
	if err := os.Remove(path); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

func goCommand(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w", args[0], err)
	}
	return string(bytes.TrimSpace(out)), nil
}
