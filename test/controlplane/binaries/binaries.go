package binaries

import (
	"cmp"
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
	// KubernetesEnv names the environment variable that chooses another version of Kubernetes, as 1.37.
	KubernetesEnv = "KROGUARD_KUBERNETES"
	// KroEnv names the environment variable that chooses another version of kro, as 0.9.3.
	KroEnv = "KROGUARD_KRO"
)

// Options says where binaries come from and go to. The zero value is what tests want.
type Options struct {
	// CacheDir is the cache. By default it is $KROGUARD_CONTROLPLANE_CACHE if set, else
	// .cache/controlplane in the repository.
	CacheDir string
	// AssetsDir is a folder that may hold kube-apiserver, etcd and kubectl; what it lacks is built.
	// By default it is $KUBEBUILDER_ASSETS if set, else everything is built.
	AssetsDir string
	// Kubernetes and Kro are versions other than the default ones, as the folders of build/ are named: 1.37, 0.9.3. By default they are
	// $KROGUARD_KUBERNETES and $KROGUARD_KRO.
	Kubernetes, Kro string
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
	all, err := src.artifacts(o.Kubernetes, o.Kro)
	if err != nil {
		return Paths{}, err
	}
	var paths Paths
	c, err := o.cache(ctx, src, all.reaper)
	if err != nil {
		return Paths{}, err
	}
	paths.Reaper = c.reaper
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

// cache is the cache with the reaper in it, which builds in a second and runs the other builds.
func (o *Options) cache(ctx context.Context, src source, reaper artifact) (cache, error) {
	dir := o.CacheDir
	if dir == "" {
		dir = filepath.Join(src.repository(), ".cache", "controlplane")
	}
	c := cache{dir: dir, progress: o.Progress}
	var err error
	c.reaper, err = c.ensure(ctx, reaper)
	return c, err
}

// complete fills in the defaults that the environment gives.
func (o *Options) complete() error {
	if o.Progress == nil {
		o.Progress = os.Stderr
	}
	o.Kubernetes = cmp.Or(o.Kubernetes, os.Getenv(KubernetesEnv))
	o.Kro = cmp.Or(o.Kro, os.Getenv(KroEnv))
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
