// Command kroguard is the admission side of a kro platform: webhooks, policy engine and command line in one binary.
package main

import (
	"os"

	"github.com/kroguard/kroguard/internal/cli"
)

// What the linker is told of a release; it can only set package variables. Commit and date are needed where the go command builds from
// no repository, and so can't note them.
var (
	version = "dev"
	commit  = "" //nolint:gochecknoglobals // the linker sets it
	date    = "" //nolint:gochecknoglobals // the linker sets it
)

func main() {
	build := cli.Build{Version: version, Commit: commit, Date: date, Program: os.Args[0]}
	os.Exit(build.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
