package hostpath

containers contains container if some container in input.review.object.spec.template.spec.containers

containers contains container if some container in input.review.object.spec.template.spec.initContainers

host_volumes contains volume if {
	some volume in input.review.object.spec.template.spec.volumes
	volume.hostPath
}

below(path, prefix) if path == prefix

below(path, prefix) if startswith(path, concat("", [prefix, "/"]))

allowed(volume) if {
	some entry in input.parameters.allowed
	below(volume.hostPath.path, entry.prefix)
	not entry.readOnly
}

allowed(volume) if {
	some entry in input.parameters.allowed
	below(volume.hostPath.path, entry.prefix)
	entry.readOnly
	not writable(volume.name)
}

writable(name) if {
	some container in containers
	some mount in container.volumeMounts
	mount.name == name
	not mount.readOnly
}

violation contains {"msg": msg} if {
	some volume in host_volumes
	not allowed(volume)
	msg := sprintf("hostPath volume %s (%s) is not allowed", [volume.name, volume.hostPath.path])
}
