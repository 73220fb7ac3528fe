package doctor

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheBinaryIsAPluginOfKubectl runs the real kubectl, which finds plugins by the names of files on PATH.
func TestTheBinaryIsAPluginOfKubectl(t *testing.T) {
	folder := t.TempDir()
	binary := h.KroguardCommand(t.Context()).Path
	for _, name := range []string{"kubectl-kroguard", "kubectl_complete-kroguard"} {
		if err := os.Symlink(binary, filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name string
		args []string
		want []string
		code int
	}{
		{name: "it is listed", args: []string{"plugin", "list"}, want: []string{filepath.Join(folder, "kubectl-kroguard")}},
		{name: "version", args: []string{"kroguard", "version"}, want: []string{"kroguard dev (go"}},
		{name: "help", args: []string{"kroguard", "doctor", "--help"}, want: []string{"  kubectl kroguard doctor [flags]", "  kubectl kroguard doctor --context staging"}},
		{name: "doctor", args: []string{"kroguard", "doctor"}, want: []string{"ok       webhook call", "14 checks: "}},
		{name: "the plugin's exit code is kubectl's", args: []string{"kroguard", "doctor", "-o", "xml"}, want: []string{"kroguard: --output:"}, code: 2},
		{name: "completion of commands", args: []string{"__complete", "kroguard", "doc"}, want: []string{"doctor\tCheck an installation"}},
		{name: "completion of flags", args: []string{"__complete", "kroguard", "doctor", "--cert"}, want: []string{"--cert-secret\t", ":4"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), h.Binaries().Kubectl, test.args...)
			cmd.Env = append(os.Environ(), "PATH="+folder+string(os.PathListSeparator)+os.Getenv("PATH"), "KUBECONFIG="+h.KubeconfigPath(), "KUBERC=off")
			out, err := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != test.code {
				t.Errorf("exit code %d, want %d: %v", code, test.code, err)
			}
			for _, want := range test.want {
				if !strings.Contains(string(out), want) {
					t.Errorf("%q is missing in:\n%s", want, out)
				}
			}
		})
	}
}
