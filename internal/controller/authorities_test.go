package controller

import (
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/cert-controller/pkg/rotator"
)

// authority is a CA in PEM.
func authority(t *testing.T, begin, end time.Time) string {
	t.Helper()
	cr := &rotator.CertRotator{CAName: "ca", CAOrganization: "o"}
	made, err := cr.CreateCACert(begin, end)
	if err != nil {
		t.Fatal(err)
	}
	return string(made.CertPEM)
}

func TestASupersededAuthorityStaysForAWhile(t *testing.T) {
	now := time.Now()
	before, after := authority(t, now.Add(-time.Hour), now.Add(time.Hour)), authority(t, now.Add(-time.Hour), now.Add(time.Hour))
	var a authorities
	bundle, again := a.merge([]byte(after), []byte(before), now)
	if string(bundle) != after+before || again != authorityGrace {
		t.Errorf("right after the change: again after %s, bundle\n%s", again, bundle)
	}
	bundle, again = a.merge([]byte(after), bundle, now.Add(authorityGrace-time.Second))
	if string(bundle) != after+before || again != time.Second {
		t.Errorf("within the grace: again after %s, bundle\n%s", again, bundle)
	}
	bundle, again = a.merge([]byte(after), bundle, now.Add(authorityGrace))
	if string(bundle) != after || again != 0 {
		t.Errorf("after the grace: again after %s, bundle\n%s", again, bundle)
	}
	// It does not come back in a configuration that lacks it.
	if bundle, _ = a.merge([]byte(after), []byte(after), now); string(bundle) != after {
		t.Errorf("bundle\n%s", bundle)
	}
}

func TestWhatIsNoAuthorityDoesNotStay(t *testing.T) {
	now := time.Now()
	wanted := authority(t, now.Add(-time.Hour), now.Add(time.Hour))
	garbage := "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
	expired := authority(t, now.Add(-2*time.Hour), now.Add(-time.Hour))
	var a authorities
	if bundle, again := a.merge([]byte(wanted), []byte("text\n"+garbage+expired), now); string(bundle) != wanted || again != 0 {
		t.Errorf("again after %s, bundle\n%s", again, bundle)
	}
	many := strings.Builder{}
	for range maxAuthorities + 2 {
		many.WriteString(authority(t, now.Add(-time.Hour), now.Add(time.Hour)))
	}
	bundle, _ := a.merge([]byte(wanted), []byte(many.String()), now)
	if n := len(certificatesIn(bundle)); n != maxAuthorities {
		t.Errorf("%d authorities, want %d", n, maxAuthorities)
	}
}
