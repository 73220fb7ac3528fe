package certs

import (
	"testing"
	"time"
)

func TestNotAfterIsThatOfTheServingCertificate(t *testing.T) {
	now := time.Now()
	s := newSource([]string{serviceName}, func() time.Time { return now })
	if got := s.NotAfter(); !got.IsZero() {
		t.Errorf("without a certificate: %s", got)
	}
	if _, err := s.load(issue(t, now, serviceName)); err != nil {
		t.Fatal(err)
	}
	// A certificate has whole seconds.
	if want := now.Add(time.Hour).Truncate(time.Second); !s.NotAfter().Equal(want) {
		t.Errorf("got %s, want %s", s.NotAfter(), want)
	}
}
