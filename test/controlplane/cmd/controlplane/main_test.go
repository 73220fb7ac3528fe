package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestCommandLine(t *testing.T) {
	cases := map[string]struct {
		args           []string
		status         int
		stdout, stderr string
	}{
		"help":             {args: []string{"--help"}, stdout: "Examples:"},
		"help of up":       {args: []string{"up", "--help"}, stdout: "-without-kro"},
		"no command":       {status: exitUsage, stderr: "no command given"},
		"unknown command":  {args: []string{"down"}, status: exitUsage, stderr: `unknown command "down"`},
		"unknown flag":     {args: []string{"up", "--fast"}, status: exitUsage, stderr: "up: flag provided but not defined: -fast"},
		"extra argument":   {args: []string{"build", "all"}, status: exitUsage, stderr: `build: unexpected argument "all"`},
		"unknown tool":     {args: []string{"tool", "hammer"}, status: exitUsage, stderr: "tool: give one of cert-manager helm helm-unittest kube-controller-manager kubeconform"},
		"says how to help": {args: []string{"down"}, status: exitUsage, stderr: "Run `controlplane --help` for usage."},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if status := run(c.args, &stdout, &stderr); status != c.status {
				t.Errorf("status %d, want %d", status, c.status)
			}
			if !strings.Contains(stdout.String(), c.stdout) || !strings.Contains(stderr.String(), c.stderr) {
				t.Errorf("stdout %q, stderr %q", &stdout, &stderr)
			}
		})
	}
}

func TestFailuresAreToldWithTheirReason(t *testing.T) {
	t.Setenv("KUBEBUILDER_ASSETS", "/no/such/folder")
	for _, command := range []string{"build", "assets", "up"} {
		var stdout, stderr bytes.Buffer
		if status := run([]string{command}, &stdout, &stderr); status != exitFailure {
			t.Errorf("%s: status %d", command, status)
		}
		if !strings.HasPrefix(stderr.String(), "controlplane: KUBEBUILDER_ASSETS=/no/such/folder is not a folder") {
			t.Errorf("%s: %s", command, &stderr)
		}
	}
}
