// Command kroguard is the admission side of a kro platform: webhooks, policy engine and command line in one binary.
package main

import (
	"os"

	"github.com/kroguard/kroguard/internal/cli"
)

// What the linker is told of a release; it can only set package variables. The commit and its date are those that the go command notes where
// it builds from a repository.
var (
	version = "dev"
	commit  = ""
	date    = ""
)

func main() {
	build := cli.Build{Version: version, Commit: commit, Date: date, Program: os.Args[0]}
	os.Exit(build.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
