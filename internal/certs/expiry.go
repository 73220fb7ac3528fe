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
