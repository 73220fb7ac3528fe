package v1alpha1

// What kroguard writes on instances, besides LabelProject.
const (
	// LabelOffering names the RGD of the instance.
	LabelOffering = GroupName + "/offering"
	// AnnotationCreatedBy is the user name of the CREATE request.
	AnnotationCreatedBy = GroupName + "/created-by"
	// AnnotationInjected is a JSON object: which fields and labels kroguard injected, and what gave each.
	AnnotationInjected = GroupName + "/injected"
)
