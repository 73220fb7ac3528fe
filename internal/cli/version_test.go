package cli

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVersionsComeFromTheLinkerThenFromTheGoCommand(t *testing.T) {
	info := &debug.BuildInfo{
		Deps: []*debug.Module{{Path: "github.com/kubernetes-sigs/kro", Version: "v0.9.4"}, {Path: "github.com/google/cel-go", Version: "v0.31.0"}},
		Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "noted"}, {Key: "vcs.time", Value: "2030-01-02T03:04:05Z"}, {Key: "vcs.modified", Value: "true"},
		},
	}
	known := libraries{Kro: "v0.9.4", OPA: "unknown", CEL: "v0.31.0", Kubernetes: "unknown"}
	platform := runtime.GOOS + "/" + runtime.GOARCH
	for name, test := range map[string]struct {
		build Build
		info  *debug.BuildInfo
		want  versions
	}{
		"the go command noted it": {
			build: Build{Version: "dev"}, info: info,
			want: versions{Version: "dev", Commit: "noted", Date: "2030-01-02T03:04:05Z", Modified: true, Libraries: known},
		},
		"the linker was told": {
			build: Build{Version: "v1", Commit: "told", Date: "2031-01-01T00:00:00Z"}, info: info,
			want: versions{Version: "v1", Commit: "told", Date: "2031-01-01T00:00:00Z", Modified: true, Libraries: known},
		},
		"nobody tells": {
			build: Build{Version: "dev"},
			want:  versions{Version: "dev", Libraries: libraries{Kro: "unknown", OPA: "unknown", CEL: "unknown", Kubernetes: "unknown"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.want.Go, test.want.Platform = runtime.Version(), platform
			if diff := cmp.Diff(&test.want, versionsOf(test.build, test.info)); diff != "" {
				t.Errorf("versions (-want +got):\n%s", diff)
			}
		})
	}
}
