package policies

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"sync"

	"github.com/kroguard/kroguard/policies/v1alpha1"
)

const (
	// maxTypeReports is how many reports a generation of the cache holds: those of a thousand guardrails for all their
	// offerings. Most are empty.
	maxTypeReports = 1000 * MaxTypesToCheck

	// maxTypeAttempts is how often a check that fails is made. One that ran out of time may have had a bad moment; one that
	// does so again would take that time from every round of statuses.
	maxTypeAttempts = 3
)

// typeReportKey is what a report depends on.
type typeReportKey struct {
	// guardrail is the specDigest; empty for what has none.
	guardrail string
	object    ObjectType
}

// typeResult is what became of a check.
type typeResult struct {
	report TypeReport
	err    error
	// failed is how often the check failed.
	failed int
}

// typeReports keeps what the type checker found, in two generations: what was not asked for while one filled up is forgotten,
// so that memory stays bounded and what is in use stays. The zero value is ready to use. It is safe for concurrent use.
type typeReports struct {
	mu          sync.Mutex
	young, aged map[typeReportKey]typeResult
}

// get yields the report for the key, made by check where there is none. Two callers may check the same at the same time, which
// costs no more than time. What check yields after canceled reports true is not kept.
func (r *typeReports) get(key typeReportKey, canceled func() bool, check func() (TypeReport, error)) (TypeReport, error) {
	result, ok := r.load(key)
	if ok && (result.err == nil || result.failed >= maxTypeAttempts) {
		return result.report, result.err
	}
	result.report, result.err = check()
	if result.err != nil {
		result.failed++
	}
	if key.guardrail != "" && !canceled() {
		r.store(key, result)
	}
	return result.report, result.err
}

func (r *typeReports) load(key typeReportKey) (typeResult, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if result, ok := r.young[key]; ok {
		return result, true
	}
	result, ok := r.aged[key]
	if ok {
		r.put(key, result)
	}
	return result, ok
}

func (r *typeReports) store(key typeReportKey, result typeResult) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.put(key, result)
}

func (r *typeReports) put(key typeReportKey, result typeResult) {
	if r.young == nil || len(r.young) >= maxTypeReports {
		r.young, r.aged = map[typeReportKey]typeResult{}, r.young
	}
	r.young[key] = result
}

// specDigest identifies a guardrail's spec. It is empty where the params are no JSON.
func specDigest(guardrail *v1alpha1.Guardrail) string {
	text, err := json.Marshal(guardrail.Spec)
	if err != nil {
		return ""
	}
	digest := sha256.Sum256(text)
	return hex.EncodeToString(digest[:])
}
