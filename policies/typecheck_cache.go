package policies

import "sync"

// maxTypeReports is how many reports a generation of the cache holds: those of a thousand guardrails for all their offerings.
// Most are empty.
const maxTypeReports = 1000 * MaxTypesToCheck

// typeReportKey is what a report depends on.
type typeReportKey struct {
	// guardrail is the specDigest; empty for what has none.
	guardrail string
	object    ObjectType
}

// typeReports keeps what the type checker found, in two generations: what was not asked for while one filled up is forgotten,
// so that memory stays bounded and what is in use stays. The zero value is ready to use. It is safe for concurrent use.
type typeReports struct {
	mu          sync.Mutex
	young, aged map[typeReportKey]TypeReport
}

// get yields the report for the key, made by check where there is none. A check that fails is not kept. Two callers may check
// the same at the same time, which costs no more than time.
func (r *typeReports) get(key typeReportKey, check func() (TypeReport, error)) (TypeReport, error) {
	if report, ok := r.load(key); ok {
		return report, nil
	}
	report, err := check()
	if err == nil && key.guardrail != "" {
		r.store(key, report)
	}
	return report, err
}

func (r *typeReports) load(key typeReportKey) (TypeReport, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if report, ok := r.young[key]; ok {
		return report, true
	}
	report, ok := r.aged[key]
	if ok {
		r.put(key, report)
	}
	return report, ok
}

func (r *typeReports) store(key typeReportKey, report TypeReport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.put(key, report)
}

func (r *typeReports) put(key typeReportKey, report TypeReport) {
	if r.young == nil || len(r.young) >= maxTypeReports {
		r.young, r.aged = map[typeReportKey]TypeReport{}, r.young
	}
	r.young[key] = report
}
