package cli

import (
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
)

// Names of the program's file by which kubectl finds it on PATH.
const (
	pluginName = "kubectl-kroguard"
	// completionName is the file that kubectl runs to complete "kubectl kroguard ...": with the arguments, the last of which is to
	// be completed.
	completionName = "kubectl_complete-kroguard"
)

// base is the file's name, without what Windows adds.
func (b Build) base() string { return strings.TrimSuffix(filepath.Base(b.Program), ".exe") }

// arguments are those of the command line, once the name of the program has had its say.
func (b Build) arguments(args []string) []string {
	if b.base() == completionName {
		return append([]string{cobra.ShellCompRequestCmd}, args...)
	}
	return args
}

// asPlugin has help and examples say what a user of the plugin types.
func asPlugin(root *cobra.Command) {
	root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl kroguard"}
	names := make([]string, 0, len(root.Commands())+1)
	for _, command := range root.Commands() {
		names = append(names, command.Name())
	}
	// The command completion is added later.
	names = append(names, "completion")
	typed := regexp.MustCompile(`\bkroguard (` + strings.Join(names, "|") + `)\b`)
	rewrite(root, func(text string) string { return typed.ReplaceAllString(text, "kubectl kroguard $1") })
}

func rewrite(command *cobra.Command, change func(string) string) {
	command.Long, command.Example = change(command.Long), change(command.Example)
	for _, sub := range command.Commands() {
		rewrite(sub, change)
	}
}
