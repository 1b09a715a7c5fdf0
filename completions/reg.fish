# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_reg_global_optspecs
    string join \n r/registry= o/output= q/quiet v/verbose color= plain-http insecure ca-file= cert-file= key-file= no-progress max-wait= h/help V/version
end

function __fish_reg_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_reg_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_reg_using_subcommand
    set -l cmd (__fish_reg_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c reg -n "__fish_reg_needs_command" -s r -l registry -d 'Registry of references that name none [env: REG_REGISTRY] [default: localhost:5000]' -r
complete -c reg -n "__fish_reg_needs_command" -s o -l output -d 'Format of what is written to standard output [default: table]' -r -f -a "table\t'Aligned columns for people'
wide\t'The table with every column'
json\t'One document, with a schema'
jsonl\t'One item a line, as it arrives'
name\t'One full reference a line'
csv\t'Comma-separated values with a header'"
complete -c reg -n "__fish_reg_needs_command" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c reg -n "__fish_reg_needs_command" -l ca-file -d 'Certificates (PEM) to trust besides the system\'s: of authorities, or a server\'s own' -r -F
complete -c reg -n "__fish_reg_needs_command" -l cert-file -d 'Client certificate (PEM) to show to the registry' -r -F
complete -c reg -n "__fish_reg_needs_command" -l key-file -d 'Key (PEM) of the client certificate, if it is not in the same file' -r -F
complete -c reg -n "__fish_reg_needs_command" -l max-wait -d 'Longest wait that a registry\'s rate limit may ask for [default: 2m]' -r
complete -c reg -n "__fish_reg_needs_command" -s q -l quiet -d 'Write nothing but errors; the exit code is the answer'
complete -c reg -n "__fish_reg_needs_command" -s v -l verbose -d 'Show requests (-v) and their headers (-vv), secrets removed'
complete -c reg -n "__fish_reg_needs_command" -l plain-http -d 'Speak HTTP without TLS (loopback addresses need no asking)'
complete -c reg -n "__fish_reg_needs_command" -l insecure -d 'Do not verify TLS certificates'
complete -c reg -n "__fish_reg_needs_command" -l no-progress -d 'Show no progress'
complete -c reg -n "__fish_reg_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c reg -n "__fish_reg_needs_command" -s V -l version -d 'Print version'
complete -c reg -n "__fish_reg_needs_command" -f -a "catalog" -d 'List the repositories of a registry'
complete -c reg -n "__fish_reg_needs_command" -f -a "ls" -d 'List the repositories of a registry'
complete -c reg -n "__fish_reg_needs_command" -f -a "config" -d 'Check or show the configuration of `reg serve`'
complete -c reg -n "__fish_reg_needs_command" -f -a "copy" -d 'Copy images between registries, image layouts and archives'
complete -c reg -n "__fish_reg_needs_command" -f -a "cp" -d 'Copy images between registries, image layouts and archives'
complete -c reg -n "__fish_reg_needs_command" -f -a "delete" -d 'Remove tags (REPOSITORY:TAG) or manifests (REPOSITORY@DIGEST)'
complete -c reg -n "__fish_reg_needs_command" -f -a "rm" -d 'Remove tags (REPOSITORY:TAG) or manifests (REPOSITORY@DIGEST)'
complete -c reg -n "__fish_reg_needs_command" -f -a "digest" -d 'Show the digest of an image or index'
complete -c reg -n "__fish_reg_needs_command" -f -a "garbage-collect" -d 'Free the space of what nothing needs, in the storage of a server that is stopped'
complete -c reg -n "__fish_reg_needs_command" -f -a "gc" -d 'Carry out a plan of `reg gc-plan`'
complete -c reg -n "__fish_reg_needs_command" -f -a "gc-plan" -d 'Show what retention and garbage collection would free'
complete -c reg -n "__fish_reg_needs_command" -f -a "inspect" -d 'Show what an image or index is made of'
complete -c reg -n "__fish_reg_needs_command" -f -a "login" -d 'Log in to a registry'
complete -c reg -n "__fish_reg_needs_command" -f -a "logout" -d 'Forget the credentials of a registry'
complete -c reg -n "__fish_reg_needs_command" -f -a "ping" -d 'Show whether a registry can be reached, and what it can do'
complete -c reg -n "__fish_reg_needs_command" -f -a "serve" -d 'Run a registry'
complete -c reg -n "__fish_reg_needs_command" -f -a "tag" -d 'Give an image more tags'
complete -c reg -n "__fish_reg_needs_command" -f -a "tags" -d 'List the tags of a repository'
complete -c reg -n "__fish_reg_needs_command" -f -a "token" -d 'Manage API tokens, as tokens.file of reg serve names them'
complete -c reg -n "__fish_reg_needs_command" -f -a "user" -d 'Manage the users of an htpasswd file, as auth.htpasswd.path of reg serve names it'
complete -c reg -n "__fish_reg_needs_command" -f -a "completions" -d 'Write the completion script of a shell'
complete -c reg -n "__fish_reg_needs_command" -f -a "man" -d 'Write the manual page of reg, of one command or of config.yml, or all of them into a directory'
complete -c reg -n "__fish_reg_using_subcommand catalog" -l filter -d 'Only repositories whose name matches; `*` matches `/` too' -r
complete -c reg -n "__fish_reg_using_subcommand catalog" -l limit -d 'Stop after this many' -r
complete -c reg -n "__fish_reg_using_subcommand catalog" -s r -l registry -d 'Registry of references that name none [env: REG_REGISTRY] [default: localhost:5000]' -r
complete -c reg -n "__fish_reg_using_subcommand catalog" -s o -l output -d 'Format of what is written to standard output [default: table]' -r -f -a "table\t'Aligned columns for people'
wide\t'The table with every column'
json\t'One document, with a schema'
jsonl\t'One item a line, as it arrives'
name\t'One full reference a line'
csv\t'Comma-separated values with a header'"
complete -c reg -n "__fish_reg_using_subcommand catalog" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c reg -n "__fish_reg_using_subcommand catalog" -l ca-file -d 'Certificates (PEM) to trust besides the system\'s: of authorities, or a server\'s own' -r -F
complete -c reg -n "__fish_reg_using_subcommand catalog" -l cert-file -d 'Client certificate (PEM) to show to the registry' -r -F
complete -c reg -n "__fish_reg_using_subcommand catalog" -l key-file -d 'Key (PEM) of the client certificate, if it is not in the same file' -r -F
complete -c reg -n "__fish_reg_using_subcommand catalog" -l max-wait -d 'Longest wait that a registry\'s rate limit may ask for [default: 2m]' -r
complete -c reg -n "__fish_reg_using_subcommand catalog" -s q -l quiet -d 'Write nothing but errors; the exit code is the answer'
complete -c reg -n "__fish_reg_using_subcommand catalog" -s v -l verbose -d 'Show requests (-v) and their headers (-vv), secrets removed'
complete -c reg -n "__fish_reg_using_subcommand catalog" -l plain-http -d 'Speak HTTP without TLS (loopback addresses need no asking)'
complete -c reg -n "__fish_reg_using_subcommand catalog" -l insecure -d 'Do not verify TLS certificates'
complete -c reg -n "__fish_reg_using_subcommand catalog" -l no-progress -d 'Show no progress'
complete -c reg -n "__fish_reg_using_subcommand catalog" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c reg -n "__fish_reg_using_subcommand ls" -l filter -d 'Only repositories whose name matches; `*` matches `/` too' -r
complete -c reg -n "__fish_reg_using_subcommand ls" -l limit -d 'Stop after this many' -r
complete -c reg -n "__fish_reg_using_subcommand ls" -s r -l registry -d 'Registry of references that name none [env: REG_REGISTRY] [default: localhost:5000]' -r
complete -c reg -n "__fish_reg_using_subcommand ls" -s o -l output -d 'Format of what is written to standard output [default: table]' -r -f -a "table\t'Aligned columns for people'
wide\t'The table with every column'
json\t'One document, with a schema'
jsonl\t'One item a line, as it arrives'
name\t'One full reference a line'
csv\t'Comma-separated values with a header'"
complete -c reg -n "__fish_reg_using_subcommand ls" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c reg -n "__fish_reg_using_subcommand ls" -l ca-file -d 'Certificates (PEM) to trust besides the system\'s: of authorities, or a server\'s own' -r -F
complete -c reg -n "__fish_reg_using_subcommand ls" -l cert-file -d 'Client certificate (PEM) to show to the registry' -r -F
complete -c reg -n "__fish_reg_using_subcommand ls" -l key-file -d 'Key (PEM) of the client certificate, if it is not in the same file' -r -F
complete -c reg -n "__fish_reg_using_subcommand ls" -l max-wait -d 'Longest wait that a registry\'s rate limit may ask for [default: 2m]' -r
complete -c reg -n "__fish_reg_using_subcommand ls" -s q -l quiet -d 'Write nothing but errors; the exit code is the answer'
complete -c reg -n "__fish_reg_using_subcommand ls" -s v -l verbose -d 'Show requests (-v) and their headers (-vv), secrets removed'
complete -c reg -n "__fish_reg_using_subcommand ls" -l plain-http -d 'Speak HTTP without TLS (loopback addresses need no asking)'
complete -c reg -n "__fish_reg_using_subcommand ls" -l insecure -d 'Do not verify TLS certificates'
complete -c reg -n "__fish_reg_using_subcommand ls" -l no-progress -d 'Show no progress'
complete -c reg -n "__fish_reg_using_subcommand ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c reg -n "__fish_reg_using_subcommand config; and not __fish_seen_subcommand_from check show explain" -s r -l registry -d 'Registry of references that name none [env: REG_REGISTRY] [default: localhost:5000]' -r
complete -c reg -n "__fish_reg_using_subcommand config; and not __fish_seen_subcommand_from check show explain" -s o -l output -d 'Format of what is written to standard output [default: table]' -r -f -a "table\t'Aligned columns for people'
wide\t'The table with every column'
json\t'One document, with a schema'
jsonl\t'One item a line, as it arrives'
name\t'One full reference a line'
csv\t'Comma-separated values with a header'"
complete -c reg -n "__fish_reg_using_subcommand config; and not __fish_seen_subcommand_from check show explain" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c reg -n "__fish_reg_using_subcommand config; and not __fish_seen_subcommand_from check show explain" -l ca-file -d 'Certificates (PEM) to trust besides the system\'s: of authorities, or a server\'s own' -r -F
complete -c reg -n "__fish_reg_using_subcommand config; and not __fish_seen_subcommand_from check show explain" -l cert-file -d 'Client certificate (PEM) to show to the registry' -r -F
complete -c reg -n "__fish_reg_using_subcommand config; and not __fish_seen_subcommand_from check show explain" -l key-file -d 'Key (PEM) of the client certificate, if it is not in the same file' -r -F
complete -c reg -n "__fish_reg_using_subcommand config; and not __fish_seen_subcommand_from check show explain" -l max-wait -d 'Longest wait that a registry\'s rate limit may ask for [default: 2m]' -r
complete -c reg -n "__fish_reg_using_subcommand config; and not __fish_seen_subcommand_from check show explain" -s q -l quiet -d 'Write nothing but errors; the exit code is the answer'
complete -c reg -n "__fish_reg_using_subcommand config; and not __fish_seen_subcommand_from check show explain" -s v -l verbose -d 'Show requests (-v) and their headers (-vv), secrets removed'
complete -c reg -n "__fish_reg_using_subcommand config; and not __fish_seen_subcommand_from check show explain" -l plain-http -d 'Speak HTTP without TLS (loopback addresses need no asking)'
complete -c reg -n "__fish_reg_using_subcommand config; and not __fish_seen_subcommand_from check show explain" -l insecure -d 'Do not verify TLS certificates'
complete -c reg -n "__fish_reg_using_subcommand config; and not __fish_seen_subcommand_from check show explain" -l no-progress -d 'Show no progress'
complete -c reg -n "__fish_reg_using_subcommand config; and not __fish_seen_subcommand_from check show explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c reg -n "__fish_reg_using_subcommand config; and not __fish_seen_subcommand_from check show explain" -f -a "check" -d 'Say whether a server would start, and what of the configuration has no effect'
complete -c reg -n "__fish_reg_using_subcommand config; and not __fish_seen_subcommand_from check show explain" -f -a "show" -d 'Write the configuration that holds: file, REGISTRY_* variables and defaults, and where each value is from'
complete -c reg -n "__fish_reg_using_subcommand config; and not __fish_seen_subcommand_from check show explain" -f -a "explain" -d 'Say whether a user may do something in a repository, and which of access.rules decides it'
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from check" -s r -l registry -d 'Registry of references that name none [env: REG_REGISTRY] [default: localhost:5000]' -r
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from check" -s o -l output -d 'Format of what is written to standard output [default: table]' -r -f -a "table\t'Aligned columns for people'
wide\t'The table with every column'
json\t'One document, with a schema'
jsonl\t'One item a line, as it arrives'
name\t'One full reference a line'
csv\t'Comma-separated values with a header'"
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from check" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from check" -l ca-file -d 'Certificates (PEM) to trust besides the system\'s: of authorities, or a server\'s own' -r -F
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from check" -l cert-file -d 'Client certificate (PEM) to show to the registry' -r -F
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from check" -l key-file -d 'Key (PEM) of the client certificate, if it is not in the same file' -r -F
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from check" -l max-wait -d 'Longest wait that a registry\'s rate limit may ask for [default: 2m]' -r
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Write nothing but errors; the exit code is the answer'
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Show requests (-v) and their headers (-vv), secrets removed'
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from check" -l plain-http -d 'Speak HTTP without TLS (loopback addresses need no asking)'
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from check" -l insecure -d 'Do not verify TLS certificates'
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from check" -l no-progress -d 'Show no progress'
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from show" -s r -l registry -d 'Registry of references that name none [env: REG_REGISTRY] [default: localhost:5000]' -r
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from show" -s o -l output -d 'Format of what is written to standard output [default: table]' -r -f -a "table\t'Aligned columns for people'
wide\t'The table with every column'
json\t'One document, with a schema'
jsonl\t'One item a line, as it arrives'
name\t'One full reference a line'
csv\t'Comma-separated values with a header'"
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from show" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from show" -l ca-file -d 'Certificates (PEM) to trust besides the system\'s: of authorities, or a server\'s own' -r -F
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from show" -l cert-file -d 'Client certificate (PEM) to show to the registry' -r -F
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from show" -l key-file -d 'Key (PEM) of the client certificate, if it is not in the same file' -r -F
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from show" -l max-wait -d 'Longest wait that a registry\'s rate limit may ask for [default: 2m]' -r
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Write nothing but errors; the exit code is the answer'
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Show requests (-v) and their headers (-vv), secrets removed'
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from show" -l plain-http -d 'Speak HTTP without TLS (loopback addresses need no asking)'
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from show" -l insecure -d 'Do not verify TLS certificates'
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from show" -l no-progress -d 'Show no progress'
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from explain" -s c -l config -d 'Configuration file; without, as for check and show' -r -F
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from explain" -s r -l registry -d 'Registry of references that name none [env: REG_REGISTRY] [default: localhost:5000]' -r
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from explain" -s o -l output -d 'Format of what is written to standard output [default: table]' -r -f -a "table\t'Aligned columns for people'
wide\t'The table with every column'
json\t'One document, with a schema'
jsonl\t'One item a line, as it arrives'
name\t'One full reference a line'
csv\t'Comma-separated values with a header'"
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from explain" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from explain" -l ca-file -d 'Certificates (PEM) to trust besides the system\'s: of authorities, or a server\'s own' -r -F
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from explain" -l cert-file -d 'Client certificate (PEM) to show to the registry' -r -F
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from explain" -l key-file -d 'Key (PEM) of the client certificate, if it is not in the same file' -r -F
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from explain" -l max-wait -d 'Longest wait that a registry\'s rate limit may ask for [default: 2m]' -r
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from explain" -s q -l quiet -d 'Write nothing but errors; the exit code is the answer'
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from explain" -s v -l verbose -d 'Show requests (-v) and their headers (-vv), secrets removed'
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from explain" -l plain-http -d 'Speak HTTP without TLS (loopback addresses need no asking)'
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from explain" -l insecure -d 'Do not verify TLS certificates'
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from explain" -l no-progress -d 'Show no progress'
complete -c reg -n "__fish_reg_using_subcommand config; and __fish_seen_subcommand_from explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c reg -n "__fish_reg_using_subcommand copy" -l platform -d 'Only this platform of an index, repeated for several: the image itself for one, a new index (with a new digest) for several. An index of which all platforms are asked for keeps its digest' -r
complete -c reg -n "__fish_reg_using_subcommand copy" -l filter -d 'Copy every tag that matches the pattern' -r
complete -c reg -n "__fish_reg_using_subcommand copy" -s j -l jobs -d 'Blobs and manifests on their way at the same time' -r
complete -c reg -n "__fish_reg_using_subcommand copy" -s r -l registry -d 'Registry of references that name none [env: REG_REGISTRY] [default: localhost:5000]' -r
complete -c reg -n "__fish_reg_using_subcommand copy" -s o -l output -d 'Format of what is written to standard output [default: table]' -r -f -a "table\t'Aligned columns for people'
wide\t'The table with every column'
json\t'One document, with a schema'
jsonl\t'One item a line, as it arrives'
name\t'One full reference a line'
csv\t'Comma-separated values with a header'"
complete -c reg -n "__fish_reg_using_subcommand copy" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c reg -n "__fish_reg_using_subcommand copy" -l ca-file -d 'Certificates (PEM) to trust besides the system\'s: of authorities, or a server\'s own' -r -F
complete -c reg -n "__fish_reg_using_subcommand copy" -l cert-file -d 'Client certificate (PEM) to show to the registry' -r -F
complete -c reg -n "__fish_reg_using_subcommand copy" -l key-file -d 'Key (PEM) of the client certificate, if it is not in the same file' -r -F
complete -c reg -n "__fish_reg_using_subcommand copy" -l max-wait -d 'Longest wait that a registry\'s rate limit may ask for [default: 2m]' -r
complete -c reg -n "__fish_reg_using_subcommand copy" -l referrers -d 'Copy what refers to the image too: signatures, attestations, and what refers to them'
complete -c reg -n "__fish_reg_using_subcommand copy" -l all-tags -d 'Copy every tag of the repository or layout SRC'
complete -c reg -n "__fish_reg_using_subcommand copy" -l dry-run -d 'Say what would be done, and do nothing'
complete -c reg -n "__fish_reg_using_subcommand copy" -l detailed-exitcode -d 'Exit with 8 if something was, or would be, copied'
complete -c reg -n "__fish_reg_using_subcommand copy" -s q -l quiet -d 'Write nothing but errors; the exit code is the answer'
complete -c reg -n "__fish_reg_using_subcommand copy" -s v -l verbose -d 'Show requests (-v) and their headers (-vv), secrets removed'
complete -c reg -n "__fish_reg_using_subcommand copy" -l plain-http -d 'Speak HTTP without TLS (loopback addresses need no asking)'
complete -c reg -n "__fish_reg_using_subcommand copy" -l insecure -d 'Do not verify TLS certificates'
complete -c reg -n "__fish_reg_using_subcommand copy" -l no-progress -d 'Show no progress'
complete -c reg -n "__fish_reg_using_subcommand copy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c reg -n "__fish_reg_using_subcommand cp" -l platform -d 'Only this platform of an index, repeated for several: the image itself for one, a new index (with a new digest) for several. An index of which all platforms are asked for keeps its digest' -r
complete -c reg -n "__fish_reg_using_subcommand cp" -l filter -d 'Copy every tag that matches the pattern' -r
complete -c reg -n "__fish_reg_using_subcommand cp" -s j -l jobs -d 'Blobs and manifests on their way at the same time' -r
complete -c reg -n "__fish_reg_using_subcommand cp" -s r -l registry -d 'Registry of references that name none [env: REG_REGISTRY] [default: localhost:5000]' -r
complete -c reg -n "__fish_reg_using_subcommand cp" -s o -l output -d 'Format of what is written to standard output [default: table]' -r -f -a "table\t'Aligned columns for people'
wide\t'The table with every column'
json\t'One document, with a schema'
jsonl\t'One item a line, as it arrives'
name\t'One full reference a line'
csv\t'Comma-separated values with a header'"
complete -c reg -n "__fish_reg_using_subcommand cp" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c reg -n "__fish_reg_using_subcommand cp" -l ca-file -d 'Certificates (PEM) to trust besides the system\'s: of authorities, or a server\'s own' -r -F
complete -c reg -n "__fish_reg_using_subcommand cp" -l cert-file -d 'Client certificate (PEM) to show to the registry' -r -F
complete -c reg -n "__fish_reg_using_subcommand cp" -l key-file -d 'Key (PEM) of the client certificate, if it is not in the same file' -r -F
complete -c reg -n "__fish_reg_using_subcommand cp" -l max-wait -d 'Longest wait that a registry\'s rate limit may ask for [default: 2m]' -r
complete -c reg -n "__fish_reg_using_subcommand cp" -l referrers -d 'Copy what refers to the image too: signatures, attestations, and what refers to them'
complete -c reg -n "__fish_reg_using_subcommand cp" -l all-tags -d 'Copy every tag of the repository or layout SRC'
complete -c reg -n "__fish_reg_using_subcommand cp" -l dry-run -d 'Say what would be done, and do nothing'
complete -c reg -n "__fish_reg_using_subcommand cp" -l detailed-exitcode -d 'Exit with 8 if something was, or would be, copied'
complete -c reg -n "__fish_reg_using_subcommand cp" -s q -l quiet -d 'Write nothing but errors; the exit code is the answer'
complete -c reg -n "__fish_reg_using_subcommand cp" -s v -l verbose -d 'Show requests (-v) and their headers (-vv), secrets removed'
complete -c reg -n "__fish_reg_using_subcommand cp" -l plain-http -d 'Speak HTTP without TLS (loopback addresses need no asking)'
complete -c reg -n "__fish_reg_using_subcommand cp" -l insecure -d 'Do not verify TLS certificates'
complete -c reg -n "__fish_reg_using_subcommand cp" -l no-progress -d 'Show no progress'
complete -c reg -n "__fish_reg_using_subcommand cp" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c reg -n "__fish_reg_using_subcommand delete" -l journal -d 'Write the journal to this file instead' -r -F
complete -c reg -n "__fish_reg_using_subcommand delete" -l match -d 'Tags in which the regular expression matches anywhere; ^ and $ anchor it' -r
complete -c reg -n "__fish_reg_using_subcommand delete" -l filter -d 'Tags that match the pattern as a whole' -r
complete -c reg -n "__fish_reg_using_subcommand delete" -l except -d 'Never tags in which the regular expression matches anywhere' -r
complete -c reg -n "__fish_reg_using_subcommand delete" -l older-than -d 'Images built at least this long ago, such as 30d; those of unknown age stay' -r
complete -c reg -n "__fish_reg_using_subcommand delete" -l keep -d 'Never the tags of the newest N images among those selected; alone, all other tags' -r
complete -c reg -n "__fish_reg_using_subcommand delete" -s r -l registry -d 'Registry of references that name none [env: REG_REGISTRY] [default: localhost:5000]' -r
complete -c reg -n "__fish_reg_using_subcommand delete" -s o -l output -d 'Format of what is written to standard output [default: table]' -r -f -a "table\t'Aligned columns for people'
wide\t'The table with every column'
json\t'One document, with a schema'
jsonl\t'One item a line, as it arrives'
name\t'One full reference a line'
csv\t'Comma-separated values with a header'"
complete -c reg -n "__fish_reg_using_subcommand delete" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c reg -n "__fish_reg_using_subcommand delete" -l ca-file -d 'Certificates (PEM) to trust besides the system\'s: of authorities, or a server\'s own' -r -F
complete -c reg -n "__fish_reg_using_subcommand delete" -l cert-file -d 'Client certificate (PEM) to show to the registry' -r -F
complete -c reg -n "__fish_reg_using_subcommand delete" -l key-file -d 'Key (PEM) of the client certificate, if it is not in the same file' -r -F
complete -c reg -n "__fish_reg_using_subcommand delete" -l max-wait -d 'Longest wait that a registry\'s rate limit may ask for [default: 2m]' -r
complete -c reg -n "__fish_reg_using_subcommand delete" -l manifest -d 'Delete the manifest behind a tag too; where another tag or an index needs it, the tag goes alone'
complete -c reg -n "__fish_reg_using_subcommand delete" -l dry-run -d 'Show what would be done, and do nothing'
complete -c reg -n "__fish_reg_using_subcommand delete" -s y -l yes -d 'Do not ask'
complete -c reg -n "__fish_reg_using_subcommand delete" -l ignore-missing -d 'What is not there is deleted enough'
complete -c reg -n "__fish_reg_using_subcommand delete" -l detailed-exitcode -d 'With --dry-run, exit with 8 if there is something to do'
complete -c reg -n "__fish_reg_using_subcommand delete" -l all-tags -d 'All tags'
complete -c reg -n "__fish_reg_using_subcommand delete" -s q -l quiet -d 'Write nothing but errors; the exit code is the answer'
complete -c reg -n "__fish_reg_using_subcommand delete" -s v -l verbose -d 'Show requests (-v) and their headers (-vv), secrets removed'
complete -c reg -n "__fish_reg_using_subcommand delete" -l plain-http -d 'Speak HTTP without TLS (loopback addresses need no asking)'
complete -c reg -n "__fish_reg_using_subcommand delete" -l insecure -d 'Do not verify TLS certificates'
complete -c reg -n "__fish_reg_using_subcommand delete" -l no-progress -d 'Show no progress'
complete -c reg -n "__fish_reg_using_subcommand delete" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c reg -n "__fish_reg_using_subcommand rm" -l journal -d 'Write the journal to this file instead' -r -F
complete -c reg -n "__fish_reg_using_subcommand rm" -l match -d 'Tags in which the regular expression matches anywhere; ^ and $ anchor it' -r
complete -c reg -n "__fish_reg_using_subcommand rm" -l filter -d 'Tags that match the pattern as a whole' -r
complete -c reg -n "__fish_reg_using_subcommand rm" -l except -d 'Never tags in which the regular expression matches anywhere' -r
complete -c reg -n "__fish_reg_using_subcommand rm" -l older-than -d 'Images built at least this long ago, such as 30d; those of unknown age stay' -r
complete -c reg -n "__fish_reg_using_subcommand rm" -l keep -d 'Never the tags of the newest N images among those selected; alone, all other tags' -r
complete -c reg -n "__fish_reg_using_subcommand rm" -s r -l registry -d 'Registry of references that name none [env: REG_REGISTRY] [default: localhost:5000]' -r
complete -c reg -n "__fish_reg_using_subcommand rm" -s o -l output -d 'Format of what is written to standard output [default: table]' -r -f -a "table\t'Aligned columns for people'
wide\t'The table with every column'
json\t'One document, with a schema'
jsonl\t'One item a line, as it arrives'
name\t'One full reference a line'
csv\t'Comma-separated values with a header'"
complete -c reg -n "__fish_reg_using_subcommand rm" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c reg -n "__fish_reg_using_subcommand rm" -l ca-file -d 'Certificates (PEM) to trust besides the system\'s: of authorities, or a server\'s own' -r -F
complete -c reg -n "__fish_reg_using_subcommand rm" -l cert-file -d 'Client certificate (PEM) to show to the registry' -r -F
complete -c reg -n "__fish_reg_using_subcommand rm" -l key-file -d 'Key (PEM) of the client certificate, if it is not in the same file' -r -F
complete -c reg -n "__fish_reg_using_subcommand rm" -l max-wait -d 'Longest wait that a registry\'s rate limit may ask for [default: 2m]' -r
complete -c reg -n "__fish_reg_using_subcommand rm" -l manifest -d 'Delete the manifest behind a tag too; where another tag or an index needs it, the tag goes alone'
complete -c reg -n "__fish_reg_using_subcommand rm" -l dry-run -d 'Show what would be done, and do nothing'
complete -c reg -n "__fish_reg_using_subcommand rm" -s y -l yes -d 'Do not ask'
complete -c reg -n "__fish_reg_using_subcommand rm" -l ignore-missing -d 'What is not there is deleted enough'
complete -c reg -n "__fish_reg_using_subcommand rm" -l detailed-exitcode -d 'With --dry-run, exit with 8 if there is something to do'
complete -c reg -n "__fish_reg_using_subcommand rm" -l all-tags -d 'All tags'
complete -c reg -n "__fish_reg_using_subcommand rm" -s q -l quiet -d 'Write nothing but errors; the exit code is the answer'
complete -c reg -n "__fish_reg_using_subcommand rm" -s v -l verbose -d 'Show requests (-v) and their headers (-vv), secrets removed'
complete -c reg -n "__fish_reg_using_subcommand rm" -l plain-http -d 'Speak HTTP without TLS (loopback addresses need no asking)'
complete -c reg -n "__fish_reg_using_subcommand rm" -l insecure -d 'Do not verify TLS certificates'
complete -c reg -n "__fish_reg_using_subcommand rm" -l no-progress -d 'Show no progress'
complete -c reg -n "__fish_reg_using_subcommand rm" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c reg -n "__fish_reg_using_subcommand digest" -s r -l registry -d 'Registry of references that name none [env: REG_REGISTRY] [default: localhost:5000]' -r
complete -c reg -n "__fish_reg_using_subcommand digest" -s o -l output -d 'Format of what is written to standard output [default: table]' -r -f -a "table\t'Aligned columns for people'
wide\t'The table with every column'
json\t'One document, with a schema'
jsonl\t'One item a line, as it arrives'
name\t'One full reference a line'
csv\t'Comma-separated values with a header'"
complete -c reg -n "__fish_reg_using_subcommand digest" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c reg -n "__fish_reg_using_subcommand digest" -l ca-file -d 'Certificates (PEM) to trust besides the system\'s: of authorities, or a server\'s own' -r -F
complete -c reg -n "__fish_reg_using_subcommand digest" -l cert-file -d 'Client certificate (PEM) to show to the registry' -r -F
complete -c reg -n "__fish_reg_using_subcommand digest" -l key-file -d 'Key (PEM) of the client certificate, if it is not in the same file' -r -F
complete -c reg -n "__fish_reg_using_subcommand digest" -l max-wait -d 'Longest wait that a registry\'s rate limit may ask for [default: 2m]' -r
complete -c reg -n "__fish_reg_using_subcommand digest" -s q -l quiet -d 'Write nothing but errors; the exit code is the answer'
complete -c reg -n "__fish_reg_using_subcommand digest" -s v -l verbose -d 'Show requests (-v) and their headers (-vv), secrets removed'
complete -c reg -n "__fish_reg_using_subcommand digest" -l plain-http -d 'Speak HTTP without TLS (loopback addresses need no asking)'
complete -c reg -n "__fish_reg_using_subcommand digest" -l insecure -d 'Do not verify TLS certificates'
complete -c reg -n "__fish_reg_using_subcommand digest" -l no-progress -d 'Show no progress'
complete -c reg -n "__fish_reg_using_subcommand digest" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c reg -n "__fish_reg_using_subcommand garbage-collect" -s r -l registry -d 'Registry of references that name none [env: REG_REGISTRY] [default: localhost:5000]' -r
complete -c reg -n "__fish_reg_using_subcommand garbage-collect" -s o -l output -d 'Format of what is written to standard output [default: table]' -r -f -a "table\t'Aligned columns for people'
wide\t'The table with every column'
json\t'One document, with a schema'
jsonl\t'One item a line, as it arrives'
name\t'One full reference a line'
csv\t'Comma-separated values with a header'"
complete -c reg -n "__fish_reg_using_subcommand garbage-collect" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c reg -n "__fish_reg_using_subcommand garbage-collect" -l ca-file -d 'Certificates (PEM) to trust besides the system\'s: of authorities, or a server\'s own' -r -F
complete -c reg -n "__fish_reg_using_subcommand garbage-collect" -l cert-file -d 'Client certificate (PEM) to show to the registry' -r -F
complete -c reg -n "__fish_reg_using_subcommand garbage-collect" -l key-file -d 'Key (PEM) of the client certificate, if it is not in the same file' -r -F
complete -c reg -n "__fish_reg_using_subcommand garbage-collect" -l max-wait -d 'Longest wait that a registry\'s rate limit may ask for [default: 2m]' -r
complete -c reg -n "__fish_reg_using_subcommand garbage-collect" -s d -l dry-run -d 'Show what would go, and do nothing'
complete -c reg -n "__fish_reg_using_subcommand garbage-collect" -s m -l delete-untagged -d 'Manifests without a tag that nothing needs go too'
complete -c reg -n "__fish_reg_using_subcommand garbage-collect" -s q -l quiet -d 'Write nothing but errors; the exit code is the answer'
complete -c reg -n "__fish_reg_using_subcommand garbage-collect" -s v -l verbose -d 'Show requests (-v) and their headers (-vv), secrets removed'
complete -c reg -n "__fish_reg_using_subcommand garbage-collect" -l plain-http -d 'Speak HTTP without TLS (loopback addresses need no asking)'
complete -c reg -n "__fish_reg_using_subcommand garbage-collect" -l insecure -d 'Do not verify TLS certificates'
complete -c reg -n "__fish_reg_using_subcommand garbage-collect" -l no-progress -d 'Show no progress'
complete -c reg -n "__fish_reg_using_subcommand garbage-collect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c reg -n "__fish_reg_using_subcommand gc" -l storage -d 'Read a storage directory, of this registry or of registry:2 (the one that contains docker/registry/v2)' -r -F
complete -c reg -n "__fish_reg_using_subcommand gc" -l config -d 'Read the storage that a server\'s configuration file names' -r -F
complete -c reg -n "__fish_reg_using_subcommand gc" -l older-than -d 'Tags of images at least this old may go, such as 30d; those of unknown age stay' -r
complete -c reg -n "__fish_reg_using_subcommand gc" -l keep -d 'All tags but those of the newest N images may go; those of unknown age stay' -r
complete -c reg -n "__fish_reg_using_subcommand gc" -l match -d 'Only tags in which the regular expression matches anywhere may go' -r
complete -c reg -n "__fish_reg_using_subcommand gc" -l except -d 'Tags in which the regular expression matches anywhere stay' -r
complete -c reg -n "__fish_reg_using_subcommand gc" -l semver -d 'Only tags that are versions in the range may go, such as \'<2\'' -r
complete -c reg -n "__fish_reg_using_subcommand gc" -l age-by -d 'What age is counted from' -r -f -a "created\t'When the image was built, as its config says'
pushed\t'When it was pushed; known of a storage only'"
complete -c reg -n "__fish_reg_using_subcommand gc" -l grace -d 'What was written less than this ago stays, as a push may be under way that needs it [default: 0s]' -r
complete -c reg -n "__fish_reg_using_subcommand gc" -l policy -d 'Take rules from a TOML file: an array of tables named rule, with keys named after these options' -r -F
complete -c reg -n "__fish_reg_using_subcommand gc" -l journal -d 'Write the journal of what goes over an API to this file instead' -r -F
complete -c reg -n "__fish_reg_using_subcommand gc" -s r -l registry -d 'Registry of references that name none [env: REG_REGISTRY] [default: localhost:5000]' -r
complete -c reg -n "__fish_reg_using_subcommand gc" -s o -l output -d 'Format of what is written to standard output [default: table]' -r -f -a "table\t'Aligned columns for people'
wide\t'The table with every column'
json\t'One document, with a schema'
jsonl\t'One item a line, as it arrives'
name\t'One full reference a line'
csv\t'Comma-separated values with a header'"
complete -c reg -n "__fish_reg_using_subcommand gc" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c reg -n "__fish_reg_using_subcommand gc" -l ca-file -d 'Certificates (PEM) to trust besides the system\'s: of authorities, or a server\'s own' -r -F
complete -c reg -n "__fish_reg_using_subcommand gc" -l cert-file -d 'Client certificate (PEM) to show to the registry' -r -F
complete -c reg -n "__fish_reg_using_subcommand gc" -l key-file -d 'Key (PEM) of the client certificate, if it is not in the same file' -r -F
complete -c reg -n "__fish_reg_using_subcommand gc" -l max-wait -d 'Longest wait that a registry\'s rate limit may ask for [default: 2m]' -r
complete -c reg -n "__fish_reg_using_subcommand gc" -l untagged -d 'Manifests without a tag may go too (with --older-than, those at least that old)'
complete -c reg -n "__fish_reg_using_subcommand gc" -l dry-run -d 'Show what would be done, and do nothing'
complete -c reg -n "__fish_reg_using_subcommand gc" -s y -l yes -d 'Do not ask'
complete -c reg -n "__fish_reg_using_subcommand gc" -s q -l quiet -d 'Write nothing but errors; the exit code is the answer'
complete -c reg -n "__fish_reg_using_subcommand gc" -s v -l verbose -d 'Show requests (-v) and their headers (-vv), secrets removed'
complete -c reg -n "__fish_reg_using_subcommand gc" -l plain-http -d 'Speak HTTP without TLS (loopback addresses need no asking)'
complete -c reg -n "__fish_reg_using_subcommand gc" -l insecure -d 'Do not verify TLS certificates'
complete -c reg -n "__fish_reg_using_subcommand gc" -l no-progress -d 'Show no progress'
complete -c reg -n "__fish_reg_using_subcommand gc" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c reg -n "__fish_reg_using_subcommand gc-plan" -l storage -d 'Read a storage directory, of this registry or of registry:2 (the one that contains docker/registry/v2)' -r -F
complete -c reg -n "__fish_reg_using_subcommand gc-plan" -l config -d 'Read the storage that a server\'s configuration file names' -r -F
complete -c reg -n "__fish_reg_using_subcommand gc-plan" -l older-than -d 'Tags of images at least this old may go, such as 30d; those of unknown age stay' -r
complete -c reg -n "__fish_reg_using_subcommand gc-plan" -l keep -d 'All tags but those of the newest N images may go; those of unknown age stay' -r
complete -c reg -n "__fish_reg_using_subcommand gc-plan" -l match -d 'Only tags in which the regular expression matches anywhere may go' -r
complete -c reg -n "__fish_reg_using_subcommand gc-plan" -l except -d 'Tags in which the regular expression matches anywhere stay' -r
complete -c reg -n "__fish_reg_using_subcommand gc-plan" -l semver -d 'Only tags that are versions in the range may go, such as \'<2\'' -r
complete -c reg -n "__fish_reg_using_subcommand gc-plan" -l age-by -d 'What age is counted from' -r -f -a "created\t'When the image was built, as its config says'
pushed\t'When it was pushed; known of a storage only'"
complete -c reg -n "__fish_reg_using_subcommand gc-plan" -l grace -d 'What was written less than this ago stays, as a push may be under way that needs it [default: 0s]' -r
complete -c reg -n "__fish_reg_using_subcommand gc-plan" -l policy -d 'Take rules from a TOML file: an array of tables named rule, with keys named after these options' -r -F
complete -c reg -n "__fish_reg_using_subcommand gc-plan" -l explain -d 'Say which rule, or what else, keeps or removes REPOSITORY:TAG or REPOSITORY@DIGEST' -r
complete -c reg -n "__fish_reg_using_subcommand gc-plan" -l out -d 'Write the plan to this file too, as the JSON document' -r -F
complete -c reg -n "__fish_reg_using_subcommand gc-plan" -l fail-over -d 'Exit with 8 if more than this would be freed, such as 10GiB' -r
complete -c reg -n "__fish_reg_using_subcommand gc-plan" -s r -l registry -d 'Registry of references that name none [env: REG_REGISTRY] [default: localhost:5000]' -r
complete -c reg -n "__fish_reg_using_subcommand gc-plan" -s o -l output -d 'Format of what is written to standard output [default: table]' -r -f -a "table\t'Aligned columns for people'
wide\t'The table with every column'
json\t'One document, with a schema'
jsonl\t'One item a line, as it arrives'
name\t'One full reference a line'
csv\t'Comma-separated values with a header'"
complete -c reg -n "__fish_reg_using_subcommand gc-plan" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c reg -n "__fish_reg_using_subcommand gc-plan" -l ca-file -d 'Certificates (PEM) to trust besides the system\'s: of authorities, or a server\'s own' -r -F
complete -c reg -n "__fish_reg_using_subcommand gc-plan" -l cert-file -d 'Client certificate (PEM) to show to the registry' -r -F
complete -c reg -n "__fish_reg_using_subcommand gc-plan" -l key-file -d 'Key (PEM) of the client certificate, if it is not in the same file' -r -F
complete -c reg -n "__fish_reg_using_subcommand gc-plan" -l max-wait -d 'Longest wait that a registry\'s rate limit may ask for [default: 2m]' -r
complete -c reg -n "__fish_reg_using_subcommand gc-plan" -l untagged -d 'Manifests without a tag may go too (with --older-than, those at least that old)'
complete -c reg -n "__fish_reg_using_subcommand gc-plan" -s q -l quiet -d 'Write nothing but errors; the exit code is the answer'
complete -c reg -n "__fish_reg_using_subcommand gc-plan" -s v -l verbose -d 'Show requests (-v) and their headers (-vv), secrets removed'
complete -c reg -n "__fish_reg_using_subcommand gc-plan" -l plain-http -d 'Speak HTTP without TLS (loopback addresses need no asking)'
complete -c reg -n "__fish_reg_using_subcommand gc-plan" -l insecure -d 'Do not verify TLS certificates'
complete -c reg -n "__fish_reg_using_subcommand gc-plan" -l no-progress -d 'Show no progress'
complete -c reg -n "__fish_reg_using_subcommand gc-plan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c reg -n "__fish_reg_using_subcommand inspect" -l platform -d 'The image of an index for this platform' -r
complete -c reg -n "__fish_reg_using_subcommand inspect" -s r -l registry -d 'Registry of references that name none [env: REG_REGISTRY] [default: localhost:5000]' -r
complete -c reg -n "__fish_reg_using_subcommand inspect" -s o -l output -d 'Format of what is written to standard output [default: table]' -r -f -a "table\t'Aligned columns for people'
wide\t'The table with every column'
json\t'One document, with a schema'
jsonl\t'One item a line, as it arrives'
name\t'One full reference a line'
csv\t'Comma-separated values with a header'"
complete -c reg -n "__fish_reg_using_subcommand inspect" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c reg -n "__fish_reg_using_subcommand inspect" -l ca-file -d 'Certificates (PEM) to trust besides the system\'s: of authorities, or a server\'s own' -r -F
complete -c reg -n "__fish_reg_using_subcommand inspect" -l cert-file -d 'Client certificate (PEM) to show to the registry' -r -F
complete -c reg -n "__fish_reg_using_subcommand inspect" -l key-file -d 'Key (PEM) of the client certificate, if it is not in the same file' -r -F
complete -c reg -n "__fish_reg_using_subcommand inspect" -l max-wait -d 'Longest wait that a registry\'s rate limit may ask for [default: 2m]' -r
complete -c reg -n "__fish_reg_using_subcommand inspect" -l raw -d 'Write the manifest, exactly its bytes'
complete -c reg -n "__fish_reg_using_subcommand inspect" -l config -d 'Write the config, exactly its bytes'
complete -c reg -n "__fish_reg_using_subcommand inspect" -s q -l quiet -d 'Write nothing but errors; the exit code is the answer'
complete -c reg -n "__fish_reg_using_subcommand inspect" -s v -l verbose -d 'Show requests (-v) and their headers (-vv), secrets removed'
complete -c reg -n "__fish_reg_using_subcommand inspect" -l plain-http -d 'Speak HTTP without TLS (loopback addresses need no asking)'
complete -c reg -n "__fish_reg_using_subcommand inspect" -l insecure -d 'Do not verify TLS certificates'
complete -c reg -n "__fish_reg_using_subcommand inspect" -l no-progress -d 'Show no progress'
complete -c reg -n "__fish_reg_using_subcommand inspect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c reg -n "__fish_reg_using_subcommand login" -s u -l username -d 'User name [env: REG_USERNAME]' -r
complete -c reg -n "__fish_reg_using_subcommand login" -l store -d 'Where to keep the credentials [default: the store in use]' -r -f -a "docker\t'Docker\'s config.json, and its credential helper where one is set'
keyring\t'The operating system\'s keyring'"
complete -c reg -n "__fish_reg_using_subcommand login" -s r -l registry -d 'Registry of references that name none [env: REG_REGISTRY] [default: localhost:5000]' -r
complete -c reg -n "__fish_reg_using_subcommand login" -s o -l output -d 'Format of what is written to standard output [default: table]' -r -f -a "table\t'Aligned columns for people'
wide\t'The table with every column'
json\t'One document, with a schema'
jsonl\t'One item a line, as it arrives'
name\t'One full reference a line'
csv\t'Comma-separated values with a header'"
complete -c reg -n "__fish_reg_using_subcommand login" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c reg -n "__fish_reg_using_subcommand login" -l ca-file -d 'Certificates (PEM) to trust besides the system\'s: of authorities, or a server\'s own' -r -F
complete -c reg -n "__fish_reg_using_subcommand login" -l cert-file -d 'Client certificate (PEM) to show to the registry' -r -F
complete -c reg -n "__fish_reg_using_subcommand login" -l key-file -d 'Key (PEM) of the client certificate, if it is not in the same file' -r -F
complete -c reg -n "__fish_reg_using_subcommand login" -l max-wait -d 'Longest wait that a registry\'s rate limit may ask for [default: 2m]' -r
complete -c reg -n "__fish_reg_using_subcommand login" -l password-stdin -d 'Read the password from standard input'
complete -c reg -n "__fish_reg_using_subcommand login" -l identity-token-stdin -d 'Read an identity token (OAuth2 refresh token) from standard input'
complete -c reg -n "__fish_reg_using_subcommand login" -s q -l quiet -d 'Write nothing but errors; the exit code is the answer'
complete -c reg -n "__fish_reg_using_subcommand login" -s v -l verbose -d 'Show requests (-v) and their headers (-vv), secrets removed'
complete -c reg -n "__fish_reg_using_subcommand login" -l plain-http -d 'Speak HTTP without TLS (loopback addresses need no asking)'
complete -c reg -n "__fish_reg_using_subcommand login" -l insecure -d 'Do not verify TLS certificates'
complete -c reg -n "__fish_reg_using_subcommand login" -l no-progress -d 'Show no progress'
complete -c reg -n "__fish_reg_using_subcommand login" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c reg -n "__fish_reg_using_subcommand logout" -s r -l registry -d 'Registry of references that name none [env: REG_REGISTRY] [default: localhost:5000]' -r
complete -c reg -n "__fish_reg_using_subcommand logout" -s o -l output -d 'Format of what is written to standard output [default: table]' -r -f -a "table\t'Aligned columns for people'
wide\t'The table with every column'
json\t'One document, with a schema'
jsonl\t'One item a line, as it arrives'
name\t'One full reference a line'
csv\t'Comma-separated values with a header'"
complete -c reg -n "__fish_reg_using_subcommand logout" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c reg -n "__fish_reg_using_subcommand logout" -l ca-file -d 'Certificates (PEM) to trust besides the system\'s: of authorities, or a server\'s own' -r -F
complete -c reg -n "__fish_reg_using_subcommand logout" -l cert-file -d 'Client certificate (PEM) to show to the registry' -r -F
complete -c reg -n "__fish_reg_using_subcommand logout" -l key-file -d 'Key (PEM) of the client certificate, if it is not in the same file' -r -F
complete -c reg -n "__fish_reg_using_subcommand logout" -l max-wait -d 'Longest wait that a registry\'s rate limit may ask for [default: 2m]' -r
complete -c reg -n "__fish_reg_using_subcommand logout" -s q -l quiet -d 'Write nothing but errors; the exit code is the answer'
complete -c reg -n "__fish_reg_using_subcommand logout" -s v -l verbose -d 'Show requests (-v) and their headers (-vv), secrets removed'
complete -c reg -n "__fish_reg_using_subcommand logout" -l plain-http -d 'Speak HTTP without TLS (loopback addresses need no asking)'
complete -c reg -n "__fish_reg_using_subcommand logout" -l insecure -d 'Do not verify TLS certificates'
complete -c reg -n "__fish_reg_using_subcommand logout" -l no-progress -d 'Show no progress'
complete -c reg -n "__fish_reg_using_subcommand logout" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c reg -n "__fish_reg_using_subcommand ping" -l wait -d 'Keep asking for so long until the registry answers: for scripts that have just started it' -r
complete -c reg -n "__fish_reg_using_subcommand ping" -s r -l registry -d 'Registry of references that name none [env: REG_REGISTRY] [default: localhost:5000]' -r
complete -c reg -n "__fish_reg_using_subcommand ping" -s o -l output -d 'Format of what is written to standard output [default: table]' -r -f -a "table\t'Aligned columns for people'
wide\t'The table with every column'
json\t'One document, with a schema'
jsonl\t'One item a line, as it arrives'
name\t'One full reference a line'
csv\t'Comma-separated values with a header'"
complete -c reg -n "__fish_reg_using_subcommand ping" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c reg -n "__fish_reg_using_subcommand ping" -l ca-file -d 'Certificates (PEM) to trust besides the system\'s: of authorities, or a server\'s own' -r -F
complete -c reg -n "__fish_reg_using_subcommand ping" -l cert-file -d 'Client certificate (PEM) to show to the registry' -r -F
complete -c reg -n "__fish_reg_using_subcommand ping" -l key-file -d 'Key (PEM) of the client certificate, if it is not in the same file' -r -F
complete -c reg -n "__fish_reg_using_subcommand ping" -l max-wait -d 'Longest wait that a registry\'s rate limit may ask for [default: 2m]' -r
complete -c reg -n "__fish_reg_using_subcommand ping" -s q -l quiet -d 'Write nothing but errors; the exit code is the answer'
complete -c reg -n "__fish_reg_using_subcommand ping" -s v -l verbose -d 'Show requests (-v) and their headers (-vv), secrets removed'
complete -c reg -n "__fish_reg_using_subcommand ping" -l plain-http -d 'Speak HTTP without TLS (loopback addresses need no asking)'
complete -c reg -n "__fish_reg_using_subcommand ping" -l insecure -d 'Do not verify TLS certificates'
complete -c reg -n "__fish_reg_using_subcommand ping" -l no-progress -d 'Show no progress'
complete -c reg -n "__fish_reg_using_subcommand ping" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c reg -n "__fish_reg_using_subcommand serve" -l addr -d 'Address to listen on; :PORT for every interface [default: 127.0.0.1:5000]' -r
complete -c reg -n "__fish_reg_using_subcommand serve" -l root -d 'Directory of the data [default: $XDG_DATA_HOME/reg/registry]' -r -F
complete -c reg -n "__fish_reg_using_subcommand serve" -s r -l registry -d 'Registry of references that name none [env: REG_REGISTRY] [default: localhost:5000]' -r
complete -c reg -n "__fish_reg_using_subcommand serve" -s o -l output -d 'Format of what is written to standard output [default: table]' -r -f -a "table\t'Aligned columns for people'
wide\t'The table with every column'
json\t'One document, with a schema'
jsonl\t'One item a line, as it arrives'
name\t'One full reference a line'
csv\t'Comma-separated values with a header'"
complete -c reg -n "__fish_reg_using_subcommand serve" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c reg -n "__fish_reg_using_subcommand serve" -l ca-file -d 'Certificates (PEM) to trust besides the system\'s: of authorities, or a server\'s own' -r -F
complete -c reg -n "__fish_reg_using_subcommand serve" -l cert-file -d 'Client certificate (PEM) to show to the registry' -r -F
complete -c reg -n "__fish_reg_using_subcommand serve" -l key-file -d 'Key (PEM) of the client certificate, if it is not in the same file' -r -F
complete -c reg -n "__fish_reg_using_subcommand serve" -l max-wait -d 'Longest wait that a registry\'s rate limit may ask for [default: 2m]' -r
complete -c reg -n "__fish_reg_using_subcommand serve" -s q -l quiet -d 'Write nothing but errors; the exit code is the answer'
complete -c reg -n "__fish_reg_using_subcommand serve" -s v -l verbose -d 'Show requests (-v) and their headers (-vv), secrets removed'
complete -c reg -n "__fish_reg_using_subcommand serve" -l plain-http -d 'Speak HTTP without TLS (loopback addresses need no asking)'
complete -c reg -n "__fish_reg_using_subcommand serve" -l insecure -d 'Do not verify TLS certificates'
complete -c reg -n "__fish_reg_using_subcommand serve" -l no-progress -d 'Show no progress'
complete -c reg -n "__fish_reg_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c reg -n "__fish_reg_using_subcommand tag" -s r -l registry -d 'Registry of references that name none [env: REG_REGISTRY] [default: localhost:5000]' -r
complete -c reg -n "__fish_reg_using_subcommand tag" -s o -l output -d 'Format of what is written to standard output [default: table]' -r -f -a "table\t'Aligned columns for people'
wide\t'The table with every column'
json\t'One document, with a schema'
jsonl\t'One item a line, as it arrives'
name\t'One full reference a line'
csv\t'Comma-separated values with a header'"
complete -c reg -n "__fish_reg_using_subcommand tag" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c reg -n "__fish_reg_using_subcommand tag" -l ca-file -d 'Certificates (PEM) to trust besides the system\'s: of authorities, or a server\'s own' -r -F
complete -c reg -n "__fish_reg_using_subcommand tag" -l cert-file -d 'Client certificate (PEM) to show to the registry' -r -F
complete -c reg -n "__fish_reg_using_subcommand tag" -l key-file -d 'Key (PEM) of the client certificate, if it is not in the same file' -r -F
complete -c reg -n "__fish_reg_using_subcommand tag" -l max-wait -d 'Longest wait that a registry\'s rate limit may ask for [default: 2m]' -r
complete -c reg -n "__fish_reg_using_subcommand tag" -s q -l quiet -d 'Write nothing but errors; the exit code is the answer'
complete -c reg -n "__fish_reg_using_subcommand tag" -s v -l verbose -d 'Show requests (-v) and their headers (-vv), secrets removed'
complete -c reg -n "__fish_reg_using_subcommand tag" -l plain-http -d 'Speak HTTP without TLS (loopback addresses need no asking)'
complete -c reg -n "__fish_reg_using_subcommand tag" -l insecure -d 'Do not verify TLS certificates'
complete -c reg -n "__fish_reg_using_subcommand tag" -l no-progress -d 'Show no progress'
complete -c reg -n "__fish_reg_using_subcommand tag" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c reg -n "__fish_reg_using_subcommand tags" -l filter -d 'Only tags that match the pattern' -r
complete -c reg -n "__fish_reg_using_subcommand tags" -l match -d 'Only tags in which the regular expression matches anywhere; ^ and $ anchor it' -r
complete -c reg -n "__fish_reg_using_subcommand tags" -l semver -d 'Only tags that are versions in the range, such as \'>=1.2, <2\'; others are left out' -r
complete -c reg -n "__fish_reg_using_subcommand tags" -l sort -d 'Order; without, as the registry lists them. By semver, what is no version comes first, by name' -r -f -a "name\t''
semver\t''
created\t''
size\t''"
complete -c reg -n "__fish_reg_using_subcommand tags" -l limit -d 'Show the first this many' -r
complete -c reg -n "__fish_reg_using_subcommand tags" -l columns -d 'Columns to show: tag, digest, media_type, size, created, platforms' -r
complete -c reg -n "__fish_reg_using_subcommand tags" -s r -l registry -d 'Registry of references that name none [env: REG_REGISTRY] [default: localhost:5000]' -r
complete -c reg -n "__fish_reg_using_subcommand tags" -s o -l output -d 'Format of what is written to standard output [default: table]' -r -f -a "table\t'Aligned columns for people'
wide\t'The table with every column'
json\t'One document, with a schema'
jsonl\t'One item a line, as it arrives'
name\t'One full reference a line'
csv\t'Comma-separated values with a header'"
complete -c reg -n "__fish_reg_using_subcommand tags" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c reg -n "__fish_reg_using_subcommand tags" -l ca-file -d 'Certificates (PEM) to trust besides the system\'s: of authorities, or a server\'s own' -r -F
complete -c reg -n "__fish_reg_using_subcommand tags" -l cert-file -d 'Client certificate (PEM) to show to the registry' -r -F
complete -c reg -n "__fish_reg_using_subcommand tags" -l key-file -d 'Key (PEM) of the client certificate, if it is not in the same file' -r -F
complete -c reg -n "__fish_reg_using_subcommand tags" -l max-wait -d 'Longest wait that a registry\'s rate limit may ask for [default: 2m]' -r
complete -c reg -n "__fish_reg_using_subcommand tags" -l reverse -d 'The other way round'
complete -c reg -n "__fish_reg_using_subcommand tags" -s q -l quiet -d 'Write nothing but errors; the exit code is the answer'
complete -c reg -n "__fish_reg_using_subcommand tags" -s v -l verbose -d 'Show requests (-v) and their headers (-vv), secrets removed'
complete -c reg -n "__fish_reg_using_subcommand tags" -l plain-http -d 'Speak HTTP without TLS (loopback addresses need no asking)'
complete -c reg -n "__fish_reg_using_subcommand tags" -l insecure -d 'Do not verify TLS certificates'
complete -c reg -n "__fish_reg_using_subcommand tags" -l no-progress -d 'Show no progress'
complete -c reg -n "__fish_reg_using_subcommand tags" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c reg -n "__fish_reg_using_subcommand token; and not __fish_seen_subcommand_from create list revoke" -s r -l registry -d 'Registry of references that name none [env: REG_REGISTRY] [default: localhost:5000]' -r
complete -c reg -n "__fish_reg_using_subcommand token; and not __fish_seen_subcommand_from create list revoke" -s o -l output -d 'Format of what is written to standard output [default: table]' -r -f -a "table\t'Aligned columns for people'
wide\t'The table with every column'
json\t'One document, with a schema'
jsonl\t'One item a line, as it arrives'
name\t'One full reference a line'
csv\t'Comma-separated values with a header'"
complete -c reg -n "__fish_reg_using_subcommand token; and not __fish_seen_subcommand_from create list revoke" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c reg -n "__fish_reg_using_subcommand token; and not __fish_seen_subcommand_from create list revoke" -l ca-file -d 'Certificates (PEM) to trust besides the system\'s: of authorities, or a server\'s own' -r -F
complete -c reg -n "__fish_reg_using_subcommand token; and not __fish_seen_subcommand_from create list revoke" -l cert-file -d 'Client certificate (PEM) to show to the registry' -r -F
complete -c reg -n "__fish_reg_using_subcommand token; and not __fish_seen_subcommand_from create list revoke" -l key-file -d 'Key (PEM) of the client certificate, if it is not in the same file' -r -F
complete -c reg -n "__fish_reg_using_subcommand token; and not __fish_seen_subcommand_from create list revoke" -l max-wait -d 'Longest wait that a registry\'s rate limit may ask for [default: 2m]' -r
complete -c reg -n "__fish_reg_using_subcommand token; and not __fish_seen_subcommand_from create list revoke" -s q -l quiet -d 'Write nothing but errors; the exit code is the answer'
complete -c reg -n "__fish_reg_using_subcommand token; and not __fish_seen_subcommand_from create list revoke" -s v -l verbose -d 'Show requests (-v) and their headers (-vv), secrets removed'
complete -c reg -n "__fish_reg_using_subcommand token; and not __fish_seen_subcommand_from create list revoke" -l plain-http -d 'Speak HTTP without TLS (loopback addresses need no asking)'
complete -c reg -n "__fish_reg_using_subcommand token; and not __fish_seen_subcommand_from create list revoke" -l insecure -d 'Do not verify TLS certificates'
complete -c reg -n "__fish_reg_using_subcommand token; and not __fish_seen_subcommand_from create list revoke" -l no-progress -d 'Show no progress'
complete -c reg -n "__fish_reg_using_subcommand token; and not __fish_seen_subcommand_from create list revoke" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c reg -n "__fish_reg_using_subcommand token; and not __fish_seen_subcommand_from create list revoke" -f -a "create" -d 'Make a token and write it to standard output, once'
complete -c reg -n "__fish_reg_using_subcommand token; and not __fish_seen_subcommand_from create list revoke" -f -a "list" -d 'List the tokens, without what is secret'
complete -c reg -n "__fish_reg_using_subcommand token; and not __fish_seen_subcommand_from create list revoke" -f -a "revoke" -d 'Take tokens away, by their ids'
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from create" -s s -l scope -d 'What it may do, such as \'team/**:pull,push\'; actions are pull, push (with pull), delete and *' -r
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from create" -s e -l expires -d 'When it ends, such as 30d; never, if it has no end' -r
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from create" -s n -l name -d 'What it is for, to tell it from others' -r
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from create" -s r -l registry -d 'Registry of references that name none [env: REG_REGISTRY] [default: localhost:5000]' -r
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from create" -s o -l output -d 'Format of what is written to standard output [default: table]' -r -f -a "table\t'Aligned columns for people'
wide\t'The table with every column'
json\t'One document, with a schema'
jsonl\t'One item a line, as it arrives'
name\t'One full reference a line'
csv\t'Comma-separated values with a header'"
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from create" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from create" -l ca-file -d 'Certificates (PEM) to trust besides the system\'s: of authorities, or a server\'s own' -r -F
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from create" -l cert-file -d 'Client certificate (PEM) to show to the registry' -r -F
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from create" -l key-file -d 'Key (PEM) of the client certificate, if it is not in the same file' -r -F
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from create" -l max-wait -d 'Longest wait that a registry\'s rate limit may ask for [default: 2m]' -r
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from create" -s q -l quiet -d 'Write nothing but errors; the exit code is the answer'
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from create" -s v -l verbose -d 'Show requests (-v) and their headers (-vv), secrets removed'
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from create" -l plain-http -d 'Speak HTTP without TLS (loopback addresses need no asking)'
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from create" -l insecure -d 'Do not verify TLS certificates'
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from create" -l no-progress -d 'Show no progress'
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from list" -s r -l registry -d 'Registry of references that name none [env: REG_REGISTRY] [default: localhost:5000]' -r
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from list" -s o -l output -d 'Format of what is written to standard output [default: table]' -r -f -a "table\t'Aligned columns for people'
wide\t'The table with every column'
json\t'One document, with a schema'
jsonl\t'One item a line, as it arrives'
name\t'One full reference a line'
csv\t'Comma-separated values with a header'"
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from list" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from list" -l ca-file -d 'Certificates (PEM) to trust besides the system\'s: of authorities, or a server\'s own' -r -F
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from list" -l cert-file -d 'Client certificate (PEM) to show to the registry' -r -F
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from list" -l key-file -d 'Key (PEM) of the client certificate, if it is not in the same file' -r -F
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from list" -l max-wait -d 'Longest wait that a registry\'s rate limit may ask for [default: 2m]' -r
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Write nothing but errors; the exit code is the answer'
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Show requests (-v) and their headers (-vv), secrets removed'
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from list" -l plain-http -d 'Speak HTTP without TLS (loopback addresses need no asking)'
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from list" -l insecure -d 'Do not verify TLS certificates'
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from list" -l no-progress -d 'Show no progress'
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from revoke" -s r -l registry -d 'Registry of references that name none [env: REG_REGISTRY] [default: localhost:5000]' -r
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from revoke" -s o -l output -d 'Format of what is written to standard output [default: table]' -r -f -a "table\t'Aligned columns for people'
wide\t'The table with every column'
json\t'One document, with a schema'
jsonl\t'One item a line, as it arrives'
name\t'One full reference a line'
csv\t'Comma-separated values with a header'"
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from revoke" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from revoke" -l ca-file -d 'Certificates (PEM) to trust besides the system\'s: of authorities, or a server\'s own' -r -F
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from revoke" -l cert-file -d 'Client certificate (PEM) to show to the registry' -r -F
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from revoke" -l key-file -d 'Key (PEM) of the client certificate, if it is not in the same file' -r -F
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from revoke" -l max-wait -d 'Longest wait that a registry\'s rate limit may ask for [default: 2m]' -r
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from revoke" -s q -l quiet -d 'Write nothing but errors; the exit code is the answer'
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from revoke" -s v -l verbose -d 'Show requests (-v) and their headers (-vv), secrets removed'
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from revoke" -l plain-http -d 'Speak HTTP without TLS (loopback addresses need no asking)'
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from revoke" -l insecure -d 'Do not verify TLS certificates'
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from revoke" -l no-progress -d 'Show no progress'
complete -c reg -n "__fish_reg_using_subcommand token; and __fish_seen_subcommand_from revoke" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c reg -n "__fish_reg_using_subcommand user; and not __fish_seen_subcommand_from add remove list verify" -s r -l registry -d 'Registry of references that name none [env: REG_REGISTRY] [default: localhost:5000]' -r
complete -c reg -n "__fish_reg_using_subcommand user; and not __fish_seen_subcommand_from add remove list verify" -s o -l output -d 'Format of what is written to standard output [default: table]' -r -f -a "table\t'Aligned columns for people'
wide\t'The table with every column'
json\t'One document, with a schema'
jsonl\t'One item a line, as it arrives'
name\t'One full reference a line'
csv\t'Comma-separated values with a header'"
complete -c reg -n "__fish_reg_using_subcommand user; and not __fish_seen_subcommand_from add remove list verify" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c reg -n "__fish_reg_using_subcommand user; and not __fish_seen_subcommand_from add remove list verify" -l ca-file -d 'Certificates (PEM) to trust besides the system\'s: of authorities, or a server\'s own' -r -F
complete -c reg -n "__fish_reg_using_subcommand user; and not __fish_seen_subcommand_from add remove list verify" -l cert-file -d 'Client certificate (PEM) to show to the registry' -r -F
complete -c reg -n "__fish_reg_using_subcommand user; and not __fish_seen_subcommand_from add remove list verify" -l key-file -d 'Key (PEM) of the client certificate, if it is not in the same file' -r -F
complete -c reg -n "__fish_reg_using_subcommand user; and not __fish_seen_subcommand_from add remove list verify" -l max-wait -d 'Longest wait that a registry\'s rate limit may ask for [default: 2m]' -r
complete -c reg -n "__fish_reg_using_subcommand user; and not __fish_seen_subcommand_from add remove list verify" -s q -l quiet -d 'Write nothing but errors; the exit code is the answer'
complete -c reg -n "__fish_reg_using_subcommand user; and not __fish_seen_subcommand_from add remove list verify" -s v -l verbose -d 'Show requests (-v) and their headers (-vv), secrets removed'
complete -c reg -n "__fish_reg_using_subcommand user; and not __fish_seen_subcommand_from add remove list verify" -l plain-http -d 'Speak HTTP without TLS (loopback addresses need no asking)'
complete -c reg -n "__fish_reg_using_subcommand user; and not __fish_seen_subcommand_from add remove list verify" -l insecure -d 'Do not verify TLS certificates'
complete -c reg -n "__fish_reg_using_subcommand user; and not __fish_seen_subcommand_from add remove list verify" -l no-progress -d 'Show no progress'
complete -c reg -n "__fish_reg_using_subcommand user; and not __fish_seen_subcommand_from add remove list verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c reg -n "__fish_reg_using_subcommand user; and not __fish_seen_subcommand_from add remove list verify" -f -a "add" -d 'Add a user, or change the password of one'
complete -c reg -n "__fish_reg_using_subcommand user; and not __fish_seen_subcommand_from add remove list verify" -f -a "remove" -d 'Remove users'
complete -c reg -n "__fish_reg_using_subcommand user; and not __fish_seen_subcommand_from add remove list verify" -f -a "list" -d 'List the users'
complete -c reg -n "__fish_reg_using_subcommand user; and not __fish_seen_subcommand_from add remove list verify" -f -a "verify" -d 'Say whether a password is the user\'s'
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from add" -s r -l registry -d 'Registry of references that name none [env: REG_REGISTRY] [default: localhost:5000]' -r
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from add" -s o -l output -d 'Format of what is written to standard output [default: table]' -r -f -a "table\t'Aligned columns for people'
wide\t'The table with every column'
json\t'One document, with a schema'
jsonl\t'One item a line, as it arrives'
name\t'One full reference a line'
csv\t'Comma-separated values with a header'"
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from add" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from add" -l ca-file -d 'Certificates (PEM) to trust besides the system\'s: of authorities, or a server\'s own' -r -F
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from add" -l cert-file -d 'Client certificate (PEM) to show to the registry' -r -F
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from add" -l key-file -d 'Key (PEM) of the client certificate, if it is not in the same file' -r -F
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from add" -l max-wait -d 'Longest wait that a registry\'s rate limit may ask for [default: 2m]' -r
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from add" -l password-stdin -d 'Read the password from standard input'
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Write nothing but errors; the exit code is the answer'
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Show requests (-v) and their headers (-vv), secrets removed'
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from add" -l plain-http -d 'Speak HTTP without TLS (loopback addresses need no asking)'
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from add" -l insecure -d 'Do not verify TLS certificates'
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from add" -l no-progress -d 'Show no progress'
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from remove" -s r -l registry -d 'Registry of references that name none [env: REG_REGISTRY] [default: localhost:5000]' -r
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from remove" -s o -l output -d 'Format of what is written to standard output [default: table]' -r -f -a "table\t'Aligned columns for people'
wide\t'The table with every column'
json\t'One document, with a schema'
jsonl\t'One item a line, as it arrives'
name\t'One full reference a line'
csv\t'Comma-separated values with a header'"
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from remove" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from remove" -l ca-file -d 'Certificates (PEM) to trust besides the system\'s: of authorities, or a server\'s own' -r -F
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from remove" -l cert-file -d 'Client certificate (PEM) to show to the registry' -r -F
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from remove" -l key-file -d 'Key (PEM) of the client certificate, if it is not in the same file' -r -F
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from remove" -l max-wait -d 'Longest wait that a registry\'s rate limit may ask for [default: 2m]' -r
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Write nothing but errors; the exit code is the answer'
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Show requests (-v) and their headers (-vv), secrets removed'
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from remove" -l plain-http -d 'Speak HTTP without TLS (loopback addresses need no asking)'
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from remove" -l insecure -d 'Do not verify TLS certificates'
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from remove" -l no-progress -d 'Show no progress'
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from list" -s r -l registry -d 'Registry of references that name none [env: REG_REGISTRY] [default: localhost:5000]' -r
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from list" -s o -l output -d 'Format of what is written to standard output [default: table]' -r -f -a "table\t'Aligned columns for people'
wide\t'The table with every column'
json\t'One document, with a schema'
jsonl\t'One item a line, as it arrives'
name\t'One full reference a line'
csv\t'Comma-separated values with a header'"
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from list" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from list" -l ca-file -d 'Certificates (PEM) to trust besides the system\'s: of authorities, or a server\'s own' -r -F
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from list" -l cert-file -d 'Client certificate (PEM) to show to the registry' -r -F
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from list" -l key-file -d 'Key (PEM) of the client certificate, if it is not in the same file' -r -F
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from list" -l max-wait -d 'Longest wait that a registry\'s rate limit may ask for [default: 2m]' -r
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Write nothing but errors; the exit code is the answer'
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Show requests (-v) and their headers (-vv), secrets removed'
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from list" -l plain-http -d 'Speak HTTP without TLS (loopback addresses need no asking)'
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from list" -l insecure -d 'Do not verify TLS certificates'
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from list" -l no-progress -d 'Show no progress'
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from verify" -s r -l registry -d 'Registry of references that name none [env: REG_REGISTRY] [default: localhost:5000]' -r
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from verify" -s o -l output -d 'Format of what is written to standard output [default: table]' -r -f -a "table\t'Aligned columns for people'
wide\t'The table with every column'
json\t'One document, with a schema'
jsonl\t'One item a line, as it arrives'
name\t'One full reference a line'
csv\t'Comma-separated values with a header'"
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from verify" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from verify" -l ca-file -d 'Certificates (PEM) to trust besides the system\'s: of authorities, or a server\'s own' -r -F
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from verify" -l cert-file -d 'Client certificate (PEM) to show to the registry' -r -F
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from verify" -l key-file -d 'Key (PEM) of the client certificate, if it is not in the same file' -r -F
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from verify" -l max-wait -d 'Longest wait that a registry\'s rate limit may ask for [default: 2m]' -r
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from verify" -l password-stdin -d 'Read the password from standard input'
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from verify" -s q -l quiet -d 'Write nothing but errors; the exit code is the answer'
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from verify" -s v -l verbose -d 'Show requests (-v) and their headers (-vv), secrets removed'
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from verify" -l plain-http -d 'Speak HTTP without TLS (loopback addresses need no asking)'
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from verify" -l insecure -d 'Do not verify TLS certificates'
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from verify" -l no-progress -d 'Show no progress'
complete -c reg -n "__fish_reg_using_subcommand user; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c reg -n "__fish_reg_using_subcommand completions" -s r -l registry -d 'Registry of references that name none [env: REG_REGISTRY] [default: localhost:5000]' -r
complete -c reg -n "__fish_reg_using_subcommand completions" -s o -l output -d 'Format of what is written to standard output [default: table]' -r -f -a "table\t'Aligned columns for people'
wide\t'The table with every column'
json\t'One document, with a schema'
jsonl\t'One item a line, as it arrives'
name\t'One full reference a line'
csv\t'Comma-separated values with a header'"
complete -c reg -n "__fish_reg_using_subcommand completions" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c reg -n "__fish_reg_using_subcommand completions" -l ca-file -d 'Certificates (PEM) to trust besides the system\'s: of authorities, or a server\'s own' -r -F
complete -c reg -n "__fish_reg_using_subcommand completions" -l cert-file -d 'Client certificate (PEM) to show to the registry' -r -F
complete -c reg -n "__fish_reg_using_subcommand completions" -l key-file -d 'Key (PEM) of the client certificate, if it is not in the same file' -r -F
complete -c reg -n "__fish_reg_using_subcommand completions" -l max-wait -d 'Longest wait that a registry\'s rate limit may ask for [default: 2m]' -r
complete -c reg -n "__fish_reg_using_subcommand completions" -s q -l quiet -d 'Write nothing but errors; the exit code is the answer'
complete -c reg -n "__fish_reg_using_subcommand completions" -s v -l verbose -d 'Show requests (-v) and their headers (-vv), secrets removed'
complete -c reg -n "__fish_reg_using_subcommand completions" -l plain-http -d 'Speak HTTP without TLS (loopback addresses need no asking)'
complete -c reg -n "__fish_reg_using_subcommand completions" -l insecure -d 'Do not verify TLS certificates'
complete -c reg -n "__fish_reg_using_subcommand completions" -l no-progress -d 'Show no progress'
complete -c reg -n "__fish_reg_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c reg -n "__fish_reg_using_subcommand man" -s r -l registry -d 'Registry of references that name none [env: REG_REGISTRY] [default: localhost:5000]' -r
complete -c reg -n "__fish_reg_using_subcommand man" -s o -l output -d 'Format of what is written to standard output [default: table]' -r -f -a "table\t'Aligned columns for people'
wide\t'The table with every column'
json\t'One document, with a schema'
jsonl\t'One item a line, as it arrives'
name\t'One full reference a line'
csv\t'Comma-separated values with a header'"
complete -c reg -n "__fish_reg_using_subcommand man" -l color -d 'Colour the output' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t''
never\t''"
complete -c reg -n "__fish_reg_using_subcommand man" -l ca-file -d 'Certificates (PEM) to trust besides the system\'s: of authorities, or a server\'s own' -r -F
complete -c reg -n "__fish_reg_using_subcommand man" -l cert-file -d 'Client certificate (PEM) to show to the registry' -r -F
complete -c reg -n "__fish_reg_using_subcommand man" -l key-file -d 'Key (PEM) of the client certificate, if it is not in the same file' -r -F
complete -c reg -n "__fish_reg_using_subcommand man" -l max-wait -d 'Longest wait that a registry\'s rate limit may ask for [default: 2m]' -r
complete -c reg -n "__fish_reg_using_subcommand man" -s q -l quiet -d 'Write nothing but errors; the exit code is the answer'
complete -c reg -n "__fish_reg_using_subcommand man" -s v -l verbose -d 'Show requests (-v) and their headers (-vv), secrets removed'
complete -c reg -n "__fish_reg_using_subcommand man" -l plain-http -d 'Speak HTTP without TLS (loopback addresses need no asking)'
complete -c reg -n "__fish_reg_using_subcommand man" -l insecure -d 'Do not verify TLS certificates'
complete -c reg -n "__fish_reg_using_subcommand man" -l no-progress -d 'Show no progress'
complete -c reg -n "__fish_reg_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
