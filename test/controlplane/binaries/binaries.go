package binaries

import (
	"context"
	"io"
	"os"
	"path/filepath"
)

const (
	// CacheEnv names the environment variable that moves the cache.
	CacheEnv = "KROGUARD_CONTROLPLANE_CACHE"
	// AssetsEnv names the environment variable, known from envtest, of a folder whose kube-apiserver,
	// etcd and kubectl are used as they are, of whatever version.
	AssetsEnv = "KUBEBUILDER_ASSETS"
)

// Options says where binaries come from and go to. The zero value is what tests want.
type Options struct {
	// CacheDir is the cache. By default it is $KROGUARD_CONTROLPLANE_CACHE if set, else
	// .cache/controlplane in the repository.
	CacheDir string
	// AssetsDir is a folder that may hold kube-apiserver, etcd and kubectl; what it lacks is built.
	// By default it is $KUBEBUILDER_ASSETS if set, else everything is built.
	AssetsDir string
	// WithoutKro leaves kro out.
	WithoutKro bool
	// Progress receives a few lines while something is built, nothing otherwise. By default it is
	// the standard error output.
	Progress io.Writer
}

// Paths has the absolute path of every program.
type Paths struct {
	APIServer string
	Etcd      string
	Kubectl   string
	// Kro is kro's controller and KroCRDs the folder with its CustomResourceDefinitions. Both are
	// empty with Options.WithoutKro.
	Kro     string
	KroCRDs string
	// Reaper is the program that runs the others and ends them with their owner.
	Reaper string
}

// Ensure returns the paths of all programs and builds those that are neither in the assets folder
// nor in the cache: several minutes the first time, milliseconds and no `go` command later. However
// many goroutines and processes call it, each program is built once while the others wait.
//
// It fails if a program does not compile, if `go` is missing or older than the modules need, or
// when ctx ends, which also ends the build.
func Ensure(ctx context.Context, o Options) (Paths, error) {
	if err := o.complete(); err != nil {
		return Paths{}, err
	}
	src, err := findSource()
	if err != nil {
		return Paths{}, err
	}
	if o.CacheDir == "" {
		o.CacheDir = filepath.Join(src.repository(), ".cache", "controlplane")
	}
	all, err := src.artifacts()
	if err != nil {
		return Paths{}, err
	}
	c := cache{dir: o.CacheDir, progress: o.Progress}

	var paths Paths
	// In this order: the reaper builds in a second and runs the other builds.
	if paths.Reaper, err = c.ensure(ctx, all.reaper); err != nil {
		return Paths{}, err
	}
	c.reaper = paths.Reaper
	type want struct {
		path *string
		artifact
	}
	wanted := []want{
		{&paths.Etcd, all.etcd},
		{&paths.APIServer, all.apiServer},
		{&paths.Kubectl, all.kubectl},
	}
	if !o.WithoutKro {
		wanted = append(wanted, want{&paths.KroCRDs, all.kroCRDs}, want{&paths.Kro, all.kro})
	}
	for _, w := range wanted {
		if *w.path = asset(o.AssetsDir, w.name); *w.path != "" {
			continue
		}
		if *w.path, err = c.ensure(ctx, w.artifact); err != nil {
			return Paths{}, err
		}
	}
	return paths, nil
}

// complete fills in the defaults that the environment gives.
func (o *Options) complete() error {
	if o.Progress == nil {
		o.Progress = os.Stderr
	}
	for _, dir := range []struct {
		path *string
		env  string
	}{
		{&o.CacheDir, CacheEnv},
		{&o.AssetsDir, AssetsEnv},
	} {
		if *dir.path == "" {
			*dir.path = os.Getenv(dir.env)
		}
		if *dir.path == "" {
			continue
		}
		var err error
		if *dir.path, err = filepath.Abs(*dir.path); err != nil {
			return err
		}
	}
	return checkAssets(o.AssetsDir)
}
