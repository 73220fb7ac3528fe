package certs

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

var (
	secretKey = types.NamespacedName{Namespace: "kroguard-system", Name: "kroguard-webhook-cert"}
	ofSecret  = reconcile.Request{NamespacedName: secretKey}
)

func newKeeper(t *testing.T, c client.Client) *keeper {
	t.Helper()
	return &keeper{
		reader: c, writer: c, key: secretKey, provider: SelfSigned, dir: filepath.Join(t.TempDir(), "certs"),
		source: newSource([]string{serviceName}, time.Now),
	}
}

func secret(data map[string][]byte) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: secretKey.Namespace, Name: secretKey.Name}, Data: data}
}

func TestKeeperServesAndWritesTheSecret(t *testing.T) {
	data := issue(t, time.Now(), serviceName)
	k := newKeeper(t, fake.NewClientBuilder().WithObjects(secret(data)).Build())
	told := 0
	k.source.Subscribe(func() { told++ })
	for range 2 {
		if _, err := k.Reconcile(t.Context(), ofSecret); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.source.Check(nil); err != nil {
		t.Errorf("Check: %v", err)
	}
	if told != 1 {
		t.Errorf("subscribers were told %d times of one change", told)
	}
	got := map[string]string{}
	for _, name := range []string{"tls.crt", "tls.key"} {
		path := filepath.Join(k.dir, name)
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		got[name] = info.Mode().String() + " " + string(content)
	}
	want := map[string]string{
		"tls.crt": "-rw------- " + string(data["tls.crt"]),
		"tls.key": "-rw------- " + string(data["tls.key"]),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestKeeperMakesADeletedSecretAnewAndServesOn(t *testing.T) {
	c := fake.NewClientBuilder().WithObjects(secret(issue(t, time.Now(), serviceName))).Build()
	k := newKeeper(t, c)
	if _, err := k.Reconcile(t.Context(), ofSecret); err != nil {
		t.Fatal(err)
	}
	if err := c.Delete(t.Context(), secret(nil)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := k.Reconcile(t.Context(), ofSecret); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Get(t.Context(), secretKey, &corev1.Secret{}); err != nil {
		t.Errorf("the Secret is not there again: %v", err)
	}
	if err := k.source.Check(nil); err != nil {
		t.Errorf("the certificate in memory was dropped: %v", err)
	}
}

func TestCreateToleratesAnotherReplica(t *testing.T) {
	k := newKeeper(t, fake.NewClientBuilder().WithObjects(secret(nil)).Build())
	if err := k.create(t.Context()); err != nil {
		t.Errorf("create: %v", err)
	}
}

func TestKeeperWritesFilesThatItCouldNotWriteBefore(t *testing.T) {
	k := newKeeper(t, fake.NewClientBuilder().WithObjects(secret(issue(t, time.Now(), serviceName))).Build())
	if err := os.WriteFile(k.dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Reconcile(t.Context(), ofSecret); err == nil {
		t.Fatal("a file in the directory's place is no error")
	}
	if err := k.source.Check(nil); err != nil {
		t.Errorf("the certificate is not served meanwhile: %v", err)
	}
	if err := os.Remove(k.dir); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Reconcile(t.Context(), ofSecret); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(k.dir, "tls.crt")); err != nil {
		t.Error(err)
	}
}

func TestKeeperLeavesOtherSecretsAlone(t *testing.T) {
	k := newKeeper(t, nil)
	other := reconcile.Request{NamespacedName: types.NamespacedName{Namespace: secretKey.Namespace, Name: "other"}}
	if _, err := k.Reconcile(t.Context(), other); err != nil {
		t.Error(err)
	}
}

func TestKeeperReportsWhatItCannotRead(t *testing.T) {
	k := newKeeper(t, fake.NewClientBuilder().WithObjects(secret(map[string][]byte{
		"tls.crt": []byte("x"), "tls.key": []byte("x"), "ca.crt": []byte("x"),
	})).Build())
	_, err := k.Reconcile(t.Context(), ofSecret)
	want := "loading Secret kroguard-system/kroguard-webhook-cert: ca.crt holds no certificate"
	if diff := cmp.Diff(want, errorText(err)); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}

	k.reader = failingReader{}
	_, err = k.Reconcile(t.Context(), ofSecret)
	want = "reading Secret kroguard-system/kroguard-webhook-cert: the cache is on strike"
	if diff := cmp.Diff(want, errorText(err)); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

type failingReader struct{ client.Reader }

func (failingReader) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return errors.New("the cache is on strike")
}

func TestCompleteNamesEveryBadOption(t *testing.T) {
	tests := []struct {
		name    string
		options Options
		want    string
	}{
		{
			name:    "nothing given",
			options: Options{},
			want: "namespace \"\": " + dns1123Label + "\nsecretName \"\": " + dns1123Subdomain +
				"\ndnsNames: at least one name is needed",
		},
		{
			name:    "a name that is an address",
			options: Options{Namespace: "ns", SecretName: "s", DNSNames: []string{"localhost", "https://x"}},
			want:    "dnsNames: \"https://x\": " + dns1123Subdomain,
		},
		{name: "all given", options: Options{Namespace: "ns", SecretName: "s", DNSNames: []string{"localhost", serviceName}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, errorText(test.options.Complete())); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

// What k8s.io/apimachinery says of a name.
const (
	dns1123Label = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and " +
		"end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is " +
		"'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
	dns1123Subdomain = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and " +
		"must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is " +
		"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
