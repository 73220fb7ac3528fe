// Command image builds kroguard's container image without a container engine: it compiles the program for each platform and
// writes an OCI image layout. The same source, version and date give the same digest, on any machine.
//
// Usage, in the root of the repository (`make image` does it with what git knows):
//
//	image -version v1.2.3 -date 2026-01-02T15:04:05Z -layout bin/image -archive bin/image.tar
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

// options are what the flags say.
type options struct {
	release
	// source is the root of the repository.
	source string
	// base is the image to build on; nil for none.
	base name.Reference
	// layout is the folder of the OCI image layout; archive the file for a container engine on this machine, with one platform.
	layout, archive string
	// tag is how the archive names the image, and where push leads.
	tag  name.Tag
	push bool
}

// release says what is built; it alone decides the digest.
type release struct {
	version, commit string
	date            time.Time
	platforms       []v1.Platform
}

// run builds the image and prints its digest on out, and what it does on progress.
func run(ctx context.Context, args []string, out, progress io.Writer) error {
	o, err := parse(args, progress)
	if err != nil {
		return err
	}
	index, err := build(ctx, o, progress)
	if err != nil {
		return err
	}
	if err := o.write(ctx, index, progress); err != nil {
		return err
	}
	digest, err := index.Digest()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, digest)
	return err
}

func parse(args []string, progress io.Writer) (*options, error) {
	o := &options{}
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	flags.SetOutput(progress)
	flags.StringVar(&o.source, "source", ".", "root of the repository")
	flags.StringVar(&o.version, "version", "dev", "version that the program tells")
	flags.StringVar(&o.commit, "commit", "", "commit that the program tells")
	flags.StringVar(&o.layout, "layout", "", "write the OCI image layout to this folder")
	flags.StringVar(&o.archive, "archive", "", "write an archive for docker load, podman load or kind load image-archive")
	flags.BoolVar(&o.push, "push", false, "push to the registry that -tag names, as the user that docker or podman logged in")
	flags.Func("date", "date of the source, as 2026-01-02T15:04:05Z: that of every file in the image", func(text string) (err error) {
		o.date, err = time.Parse(time.RFC3339, text)
		return err
	})
	flags.Func("platforms", "platforms, with commas (default linux/amd64,linux/arm64)", func(text string) (err error) {
		o.platforms, err = parsePlatforms(text)
		return err
	})
	flags.Func("base", "image to build on, best with its digest (default none: the program needs none)", func(text string) (err error) {
		if text != "" {
			o.base, err = name.ParseReference(text)
		}
		return err
	})
	flags.Func("tag", "name and tag of the image (default kroguard:dev)", func(text string) (err error) {
		o.tag, err = name.NewTag(text)
		return err
	})
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("%q: there are flags only, see -help", flags.Arg(0))
	}
	return o, o.complete()
}

// complete sets the defaults that are no texts, and refuses what can't work.
func (o *options) complete() error {
	if o.layout == "" && o.archive == "" && !o.push {
		return errors.New("nothing to write: say -layout, -archive or -push")
	}
	if o.date.IsZero() {
		o.date = time.Unix(0, 0)
	}
	o.date = o.date.UTC()
	if o.platforms == nil {
		o.platforms = []v1.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64"}}
	}
	if o.tag == (name.Tag{}) {
		if o.push {
			return errors.New("-push needs -tag, as registry.example.com/kroguard:v1.2.3")
		}
		o.tag, _ = name.NewTag("kroguard:dev")
	}
	return nil
}

func parsePlatforms(text string) ([]v1.Platform, error) {
	var out []v1.Platform
	for one := range strings.SplitSeq(text, ",") {
		platform, err := v1.ParsePlatform(strings.TrimSpace(one))
		if err != nil {
			return nil, err
		}
		if platform.OS != "linux" || platform.Architecture == "" || platform.Variant != "" {
			return nil, fmt.Errorf("%q is no platform of the image: say linux/amd64 or linux/arm64", one)
		}
		out = append(out, *platform)
	}
	return out, nil
}
