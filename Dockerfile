# The registry, and nothing else, as an image that takes the place of registry:2's and registry:3's: the same arguments,
# paths, port and volume.
#
#   packaging/build && docker build --tag reg .
#
# As there it runs as root, because the volumes that they wrote belong to root. With `--user` it needs nothing of root,
# nor a file system that can be written to (`--read-only`): only the volume has to belong to that user.
#
# There is no HEALTHCHECK: no command is right for every address, certificate and password that may be configured, and
# one that is wrong would have a registry restarted that works. examples/compose has one.
FROM scratch
COPY target/package/image/ /
EXPOSE 5000
VOLUME /var/lib/registry
ENTRYPOINT ["/bin/registry"]
CMD ["/etc/docker/registry/config.yml"]
