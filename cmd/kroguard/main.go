// Command kroguard is the admission side of a kro platform: webhooks, policy engine and command line in one binary.
package main

import (
	"os"

	"github.com/kroguard/kroguard/internal/cli"
)

// version is the released version, set by the linker, which can only set a package variable.
var version = "dev"

func main() {
	os.Exit(cli.Main(version, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
