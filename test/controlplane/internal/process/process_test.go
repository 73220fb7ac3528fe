package process_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kroguard/kroguard/test/controlplane/binaries"
	"github.com/kroguard/kroguard/test/controlplane/internal/process"
)

// patience is for what takes milliseconds on an idle machine.
const patience = time.Minute

// shell runs a script under a freshly built reaper.
func shell(t *testing.T, script string, grace time.Duration) (*process.Process, string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	p, err := process.Start(process.Command{
		Reaper: reaper(t), Path: "/bin/sh", Args: []string{"-c", script}, Log: log, Grace: grace,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p, log
}

// reaper is the path of the reaper. Programs that are never run stand for the rest.
func reaper(t *testing.T) string {
	t.Helper()
	assets := t.TempDir()
	for _, name := range []string{"etcd", "kube-apiserver", "kubectl"} {
		if err := os.WriteFile(filepath.Join(assets, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	paths, err := binaries.Ensure(t.Context(), binaries.Options{AssetsDir: assets, WithoutKro: true})
	if err != nil {
		t.Fatal(err)
	}
	return paths.Reaper
}

// logged waits for a line in the log.
func logged(t *testing.T, log string) string {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if text, err := os.ReadFile(log); err == nil && strings.HasSuffix(string(text), "\n") {
			return strings.TrimSpace(string(text))
		}
	}
	t.Fatal("the log stays empty")
	return ""
}

func wait(t *testing.T, p *process.Process) error {
	t.Helper()
	select {
	case <-p.Done():
		return p.Err()
	case <-time.After(patience):
		t.Fatal("it does not end")
		return nil
	}
}

func TestOutputAndStatusAreKept(t *testing.T) {
	p, log := shell(t, "echo out; echo err >&2; exit 3", time.Second)
	if err := wait(t, p); err == nil || err.Error() != "exit status 3" {
		t.Errorf("got %v", err)
	}
	if got := logged(t, log); got != "out\nerr" {
		t.Errorf("logged %q", got)
	}
	if err := p.Signal(syscall.SIGCONT); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("a signal to nobody: %v", err)
	}
	p.Stop() // does nothing
}

func TestProgramThatDoesNotExist(t *testing.T) {
	_, err := process.Start(process.Command{
		Reaper: reaper(t), Path: "/no/such/program", Log: filepath.Join(t.TempDir(), "log"), Grace: time.Second,
	})
	if err == nil || !strings.Contains(err.Error(), "no such file or directory") {
		t.Errorf("got %v", err)
	}
}

func TestStopLetsTheProgramCleanUp(t *testing.T) {
	p, log := shell(t, `trap 'echo clean; exit 0' TERM; echo ready; while :; do sleep 0.1; done`, patience)
	logged(t, log)
	p.Stop()
	if got := logged(t, log); !strings.HasSuffix(got, "\nclean") { // some shells log the signal, too
		t.Errorf("logged %q", got)
	}
}

func TestStopKillsWhatDoesNotListenAndItsChildren(t *testing.T) {
	p, log := shell(t, `trap '' TERM; sleep 1000 & echo $!; wait; wait`, 100*time.Millisecond)
	child, err := strconv.Atoi(logged(t, log))
	if err != nil {
		t.Fatal(err)
	}
	p.Stop()
	for _, pid := range []int{p.PID(), child} {
		if running(pid) {
			t.Errorf("process %d still runs", pid)
		}
	}
}

func TestChildrenDoNotOutliveTheProgram(t *testing.T) {
	p, log := shell(t, `sleep 1000 & echo $!`, time.Second)
	child, err := strconv.Atoi(logged(t, log))
	if err != nil {
		t.Fatal(err)
	}
	if err := wait(t, p); err != nil {
		t.Error(err)
	}
	for deadline := time.Now().Add(patience); running(child); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d still runs", child)
		}
	}
}

// running tells whether a process exists that is more than an exit status nobody asked for.
func running(pid int) bool {
	state, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && !strings.HasPrefix(string(state), "Z")
}
