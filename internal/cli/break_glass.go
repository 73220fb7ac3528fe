package cli

import (
	"fmt"
	"strings"
	"unicode"
)

// systemPrefix begins the groups that Kubernetes itself puts users into.
const systemPrefix = "system:"

// checkBreakGlassGroup refuses groups that somebody is in without anybody's decision: system:authenticated is everybody,
// system:masters every administrator, system:serviceaccounts every Pod. Empty is none, and fine.
func checkBreakGlassGroup(group string) error {
	switch {
	case strings.HasPrefix(group, systemPrefix):
		return fmt.Errorf("--break-glass-group: %q is a group that Kubernetes puts users into; make one for emergencies alone", group)
	case strings.ContainsFunc(group, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		return fmt.Errorf("--break-glass-group: %q has white space", group)
	}
	return nil
}
