package certs

import "time"

// NotAfter is when the serving certificate ends; zero until one is loaded.
func (s *Source) NotAfter() time.Time {
	current := s.current.Load()
	if current == nil {
		return time.Time{}
	}
	return current.certificate.Leaf.NotAfter
}

// Pending reports whether a certificate is waited for: the first one, or one that cert-manager is to renew.
func (s *Source) Pending() bool { return s.current.Load() == nil || s.waiting.Load() != nil }
