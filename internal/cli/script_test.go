package cli

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	build := Build{Version: "v1.2.3", Commit: "0123abc", Date: "2030-01-02T03:04:05Z", Program: os.Args[0]}
	run := func() { os.Exit(build.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
	testscript.Main(m, map[string]func(){"kroguard": run, pluginName: run, completionName: run})
}

// TestScripts runs the command line as a user does; each file of testdata/script is one story.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", RequireExplicitExec: true, RequireUniqueNames: true})
}
