package review

import "github.com/kroguard/kroguard/policies"

// ObjectTypes are the types of the instances of all offerings, sorted by name, for checking the types of guardrails. Those
// whose schema can't be read are left out, and so is an RGD whose kind another one has claimed: it has no instances. For an
// offering that is the same in two snapshots, so is the type.
func (s *Snapshot) ObjectTypes() []policies.ObjectType {
	var types []policies.ObjectType
	for _, o := range s.Offerings.All() {
		if counts, _ := s.Offerings.ByGroupKind(o.GVK.GroupKind()); counts != o || o.Schema == nil {
			continue
		}
		types = append(types, policies.ObjectType{Offering: o.Name, GVK: o.GVK, Schema: o.Schema})
	}
	return types
}
