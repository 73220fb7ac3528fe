package binaries

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/kroguard/kroguard/test/controlplane/internal/process"
)

const (
	// buildGrace lets `go` and the compilers delete their temporary files.
	buildGrace = 2 * time.Second
	// shownOutput is how many bytes of the output of a failed command an error carries.
	shownOutput = 4 << 10
)

// goCommand runs `go`.
type goCommand struct {
	reaper  string // runs without it while empty, which is while it is being built
	staging string // for the command's output
}

// build compiles one main package, in the module that dir belongs to. Everything that could come
// from the caller's surroundings and change the result is overridden: a cache has one entry for it.
func (g goCommand) build(ctx context.Context, dir, pkg, ldflags, out string) error {
	args := []string{
		"build", "-mod=readonly", "-trimpath", "-buildvcs=false",
		"-ldflags", strings.TrimSpace("-s -w " + ldflags), "-o", out, pkg,
	}
	cmd, err := newCommand(ctx, dir, args)
	if err != nil {
		return err
	}
	var output []byte
	if g.reaper == "" {
		output, err = cmd.CombinedOutput()
	} else {
		output, err = g.runReaped(ctx, cmd)
	}
	return explain(ctx, cmd, output, err)
}

// copyFromModule copies a folder of a module that the module in dir requires.
func (g goCommand) copyFromModule(ctx context.Context, dir, module, folder, out string) error {
	cmd, err := newCommand(ctx, dir, []string{"mod", "download", "-json", module})
	if err != nil {
		return err
	}
	output, err := cmd.Output() // on failure it says why in the JSON, too
	if err != nil {
		return explain(ctx, cmd, output, err)
	}
	var downloaded struct{ Dir string }
	if err := json.Unmarshal(output, &downloaded); err != nil {
		return explain(ctx, cmd, output, err)
	}
	return os.CopyFS(out, os.DirFS(filepath.Join(downloaded.Dir, filepath.FromSlash(folder))))
}

// runReaped runs a command that ends, compilers included, when ctx or this process does.
func (g goCommand) runReaped(ctx context.Context, cmd *exec.Cmd) ([]byte, error) {
	log := filepath.Join(g.staging, "output")
	defer os.Remove(log)
	p, err := process.Start(process.Command{
		Reaper: g.reaper, Path: cmd.Path, Args: cmd.Args[1:], Env: cmd.Env, Dir: cmd.Dir,
		Log: log, Grace: buildGrace,
	})
	if err != nil {
		return nil, err
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		p.Stop()
	}
	output, readErr := os.ReadFile(log)
	return output, errors.Join(p.Err(), readErr)
}

func newCommand(ctx context.Context, dir string, args []string) (*exec.Cmd, error) {
	path, err := exec.LookPath("go")
	if err != nil {
		return nil, fmt.Errorf("%w: install Go, or set %s to a cache that is filled", err, CacheEnv)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(),
		"PWD="+dir, "GOWORK=off", "CGO_ENABLED=0", "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	return cmd, nil
}

// explain adds to a command's error what it printed and how to run it by hand.
func explain(ctx context.Context, cmd *exec.Cmd, output []byte, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	text := string(output)
	if len(text) > shownOutput {
		text = "..." + text[len(text)-shownOutput:]
	}
	return fmt.Errorf("%w; run it alone with: cd %s && CGO_ENABLED=0 go %s\n%s",
		err, cmd.Dir, strings.Join(cmd.Args[1:], " "), text)
}
