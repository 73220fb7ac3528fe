package inlinesecrets

violation contains {"msg": msg} if {
	some setting in input.review.object.spec.env
	setting.value
	regex.match(input.parameters.pattern, setting.name)
	msg := sprintf("%s holds a secret in plain text: refer to a Secret", [setting.name])
}
