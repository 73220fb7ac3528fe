package cli

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Build says which build of kroguard runs, and under which name.
type Build struct {
	// Version is the released version.
	Version string
	// Commit and Date (RFC 3339) are those of the source; empty for what the go command noted.
	Commit, Date string
	// Program is the name by which the program was called, os.Args[0]: as a plugin it shows kubectl's name, too. Empty is kroguard.
	Program string
}

// versions are what kroguard version tells. The names of the fields are stable.
type versions struct {
	Version string `json:"version"`
	// Commit and Date are empty where nothing tells them.
	Commit string `json:"commit,omitempty"`
	Date   string `json:"date,omitempty"`
	// Modified says that the source was not that of the commit alone.
	Modified  bool      `json:"modified,omitempty"`
	Go        string    `json:"go"`
	Platform  string    `json:"platform"`
	Libraries libraries `json:"libraries"`
}

// libraries are the versions of those whose behavior is kroguard's.
type libraries struct {
	Kro        string `json:"kro"`
	OPA        string `json:"opa"`
	CEL        string `json:"cel"`
	Kubernetes string `json:"kubernetes"`
}

func newVersion(build Build) *cobra.Command {
	var output *outputFlag
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version, and those of the libraries that decide",
		Example: `  kroguard version
  kroguard version -o json | jq -r .libraries.kro`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := output.Complete(); err != nil {
				return usageError{err}
			}
			info, _ := debug.ReadBuildInfo()
			known := versionsOf(build, info)
			if output.format == outputJSON {
				return printAs(cmd.OutOrStdout(), outputJSON, known)
			}
			return known.write(cmd.OutOrStdout())
		},
	}
	output = newOutputFlag(cmd.Flags(), outputText, outputJSON)
	return cmd
}

// versionsOf are those of a build. The info may be nil. What the linker was told comes before what the go command noted.
func versionsOf(build Build, info *debug.BuildInfo) *versions {
	known := &versions{
		Version: build.Version, Commit: build.Commit, Date: build.Date,
		Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Libraries: libraries{
			Kro: dependency(info, "github.com/kubernetes-sigs/kro"), OPA: dependency(info, "github.com/open-policy-agent/opa"),
			CEL: dependency(info, "github.com/google/cel-go"), Kubernetes: dependency(info, "k8s.io/apiserver"),
		},
	}
	if info == nil {
		return known
	}
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			known.Commit = cmp.Or(known.Commit, setting.Value)
		case "vcs.time":
			known.Date = cmp.Or(known.Date, setting.Value)
		case "vcs.modified":
			known.Modified = setting.Value == "true"
		}
	}
	return known
}

// write has all that most reports of bugs need in its first line.
func (v *versions) write(out io.Writer) error {
	_, err := fmt.Fprintf(out, "kroguard %s (%s, %s, kro %s, OPA %s, Kubernetes libraries %s)\n",
		v.Version, v.Go, v.Platform, v.Libraries.Kro, v.Libraries.OPA, v.Libraries.Kubernetes)
	if err != nil {
		return err
	}
	commit := cmp.Or(v.Commit, "unknown")
	if v.Modified {
		commit += ", modified"
	}
	_, err = fmt.Fprintf(out, "commit %s\ndate %s\nCEL %s\n", commit, cmp.Or(v.Date, "unknown"), v.Libraries.CEL)
	return err
}

// dependency returns the version of a module that the binary was built with.
func dependency(info *debug.BuildInfo, path string) string {
	if info != nil {
		for _, module := range info.Deps {
			if module.Path == path {
				return module.Version
			}
		}
	}
	return "unknown"
}
