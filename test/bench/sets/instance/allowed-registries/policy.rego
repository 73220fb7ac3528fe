package allowedregistries

images contains input.review.object.spec.image

images contains sidecar.image if some sidecar in input.review.object.spec.sidecars

trusted(image) if {
	some registry in input.parameters.registries
	startswith(image, registry)
}

violation contains {"msg": msg} if {
	some image in images
	not trusted(image)
	msg := sprintf("image %q is from none of %s", [image, concat(", ", input.parameters.registries)])
}
