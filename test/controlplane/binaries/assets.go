package binaries

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// assetNames are the programs that an assets folder, laid out for envtest, supplies.
func assetNames() []string { return []string{"etcd", "kube-apiserver", "kubectl"} }

// checkAssets refuses a folder that does not exist: building for minutes instead would hide a typo.
func checkAssets(dir string) error {
	if dir == "" {
		return nil
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return fmt.Errorf("%s=%s is not a folder: correct it, or unset it to have the programs built", AssetsEnv, dir)
	}
	return nil
}

// asset is the path of a program in the assets folder, empty if that does not supply it.
func asset(dir, name string) string {
	if dir == "" || !slices.Contains(assetNames(), name) {
		return ""
	}
	path := filepath.Join(dir, name)
	info, err := os.Stat(path)
	if err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
		return ""
	}
	return path
}

// Assets is Ensure for scripts: it returns a folder with the programs under their plain names (etcd,
// kube-apiserver, kubectl, kro), which can be used as KUBEBUILDER_ASSETS or be put on the PATH.
func Assets(ctx context.Context, o Options) (string, error) {
	p, err := Ensure(ctx, o)
	if err != nil {
		return "", err
	}
	programs := map[string]string{"etcd": p.Etcd, "kube-apiserver": p.APIServer, "kubectl": p.Kubectl}
	if p.Kro != "" {
		programs["kro"] = p.Kro
	}
	// A folder for each combination of versions: others may be in use.
	sum := sha256.Sum256(fmt.Append(nil, programs)) // fmt sorts maps
	dir := filepath.Join(filepath.Dir(p.Reaper), "assets-"+hex.EncodeToString(sum[:])[:hashLength])
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	for name, path := range programs {
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", err
		}
	}
	return dir, nil
}
