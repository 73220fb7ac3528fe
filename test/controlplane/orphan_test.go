package controlplane_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/kroguard/kroguard/test/controlplane"
)

// ownerEnv has this test binary start a control plane, tell its processes and then, depending on the
// value, end in some way other than by returning from Main.
const ownerEnv = "CONTROLPLANE_TEST_OWNER"

// The ways to end.
const (
	endInPanic = "panic"    // by itself
	endByOther = "signaled" // by whoever started it
)

// ownership is what the owner tells.
type ownership struct {
	Dir  string
	PIDs []int
}

// own is TestMain of the owner.
func own(m *testing.M, mode string) int {
	return controlplane.Main(m, controlplane.Options{WithoutKro: mode == endInPanic}, func(p *controlplane.ControlPlane) error {
		told := ownership{Dir: p.Dir()}
		for _, part := range controlplane.Parts() {
			if pid := p.PID(part); pid != 0 {
				told.PIDs = append(told.PIDs, pid)
			}
		}
		if err := json.NewEncoder(os.Stdout).Encode(told); err != nil {
			return err
		}
		if mode == endInPanic {
			panic("as some test may")
		}
		select {}
	})
}

func TestNothingRunsWithoutItsOwner(t *testing.T) {
	cases := map[string]struct {
		mode string
		end  func(*os.Process) error // nil if it ends by itself
		// cleanedUp tells that the owner could delete the temporary folder.
		cleanedUp bool
	}{
		"SIGKILL": {mode: endByOther, end: (*os.Process).Kill},
		"Ctrl-C":  {mode: endByOther, end: func(p *os.Process) error { return p.Signal(os.Interrupt) }, cleanedUp: true},
		"panic":   {mode: endInPanic},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			owner, told := startOwner(t, c.mode)
			pids := withParents(t, told.PIDs)
			if c.end != nil {
				if err := c.end(owner.Process); err != nil {
					t.Fatal(err)
				}
			}
			if err := owner.Wait(); err == nil {
				t.Error("the owner says that all went well")
			}
			for _, pid := range pids {
				eventually(t, func() error { return gone(pid) })
			}
			data := filepath.Join(told.Dir, "etcd")
			if c.cleanedUp {
				data = told.Dir
			}
			eventually(t, func() error {
				if _, err := os.Stat(data); !os.IsNotExist(err) {
					return fmt.Errorf("%s is still there: %w", data, err)
				}
				return nil
			})
			if err := os.RemoveAll(told.Dir); err != nil {
				t.Error(err)
			}
		})
	}
}

func startOwner(t *testing.T, mode string) (*exec.Cmd, ownership) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), ownerEnv+"="+mode)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatalf("the owner told nothing: %v", errors.Join(err, cmd.Wait()))
	}
	var told ownership
	if err := json.Unmarshal(line, &told); err != nil {
		t.Fatal(err)
	}
	return cmd, told
}

// withParents adds the reapers to the programs that they run, unless both are gone already.
func withParents(t *testing.T, pids []int) []int {
	t.Helper()
	all := pids
	for _, pid := range pids {
		text := ps(pid, "ppid")
		if text == "" {
			continue
		}
		parent, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		if parent > 1 {
			all = append(all, parent)
		}
	}
	return all
}

// gone returns nil if there is no such process, or only its exit status that nobody asked for: where
// process 1 does not collect those, an orphan stays a zombie.
func gone(pid int) error {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return nil
	}
	if state := ps(pid, "stat"); state != "" && !strings.HasPrefix(state, "Z") {
		return fmt.Errorf("process %d still runs (%s)", pid, state)
	}
	return nil
}

// ps is one column of ps for one process, empty if that is gone.
func ps(pid int, column string) string {
	out, err := exec.Command("ps", "-o", column+"=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
