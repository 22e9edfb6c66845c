# SPDX-License-Identifier: Apache-2.0
# Completion of buzonctl: verbs, options, and what is on the bus right now: names, objects,
# interfaces and members of services that run. Services are never started by it.

# Calls buzonctl on the bus that the command line means; is silent where that fails.
_buzonctl_ask() {
    local word bus=()
    for word in "${words[@]}"; do
        case $word in --user | --system | --address=*) bus+=("$word") ;; esac
    done
    "${words[0]}" "${bus[@]}" --timeout=2s --auto-start=no "$@" 2>/dev/null
}

_buzonctl_names() {
    _buzonctl_ask list --no-legend "$@" | while read -r name _; do printf '%s\n' "$name"; done
}

# _buzonctl_members SERVICE OBJECT INTERFACE KIND [FLAG]
_buzonctl_members() {
    local kind=$4 flag=${5:+ $5}
    _buzonctl_ask introspect --no-legend "$1" "$2" "$3" | while read -r name type rest; do
        [[ $type == "$kind" && $rest == *"$flag"* ]] && printf '%s\n' "${name#.}"
    done
}

_buzonctl_interfaces() {
    _buzonctl_ask introspect --no-legend "$1" "$2" | while read -r name kind _; do
        [[ $kind == interface ]] && printf '%s\n' "$name"
    done
}

# What may stand at place $1 of the arguments that follow.
_buzonctl_words() {
    local place=$1 verb=$2
    shift 2
    case $verb:$place in
        status:0 | tree:* | monitor:*) _buzonctl_names ;;
        introspect:0 | call:0 | get-property:0 | set-property:0) _buzonctl_names ;;
        introspect:1 | call:1 | get-property:1 | set-property:1) _buzonctl_ask tree --list "$1" ;;
        introspect:2 | call:2 | get-property:2 | set-property:2) _buzonctl_interfaces "$1" "$2" ;;
        call:3) _buzonctl_members "$1" "$2" "$3" method ;;
        get-property:*) _buzonctl_members "$1" "$2" "$3" property ;;
        policy:0) printf '%s\n' explain check diff ;;
        policy:*) compgen -f -- "$cur" ;;
        set-property:3) _buzonctl_members "$1" "$2" "$3" property writable ;;
    esac
}

_buzonctl() {
    local cur prev words cword
    _init_completion -n =: || return
    local verbs='list status tree introspect call get-property set-property emit monitor policy quota help'
    local flags='--system --user --no-legend --full --no-pager --show-machine --unique --acquired
        --activatable --connect --broadcast --eavesdrop --strict --list --xml-interface --watch --quiet --verbose --help --version'
    local valued='--address= --json= --watch-bind= --augment-creds= --expect-reply= --auto-start=
        --allow-interactive-authorization= --timeout= --destination= --match=
        --config= --sender= --uid= --gid= --receiver= --receiver-uid= --receiver-gid= --type= --path=
        --interface= --member= --error= --reply= --fds= --own= --count= --mailbox-config='

    local word verb='' arguments=()
    for word in "${words[@]:1:cword-1}"; do
        case $word in
            -*) ;;
            *) if [[ $verb ]]; then arguments+=("$word"); else verb=$word; fi ;;
        esac
    done

    local candidates
    case $cur in
        --json=*) cur=${cur#*=} candidates='short pretty off' ;;
        --destination=* | --sender=* | --receiver=* | --own=*)
            cur=${cur#*=} candidates=$(_buzonctl_names) ;;
        --type=*) cur=${cur#*=} candidates='method_call method_return error signal' ;;
        --reply=*) cur=${cur#*=} candidates='requested unrequested' ;;
        --uid=* | --receiver-uid=*) cur=${cur#*=} candidates=$(compgen -u) ;;
        --gid=* | --receiver-gid=*) cur=${cur#*=} candidates=$(compgen -g) ;;
        --config=* | --mailbox-config=*) cur=${cur#*=} candidates=$(compgen -f -- "${cur#*=}") ;;
        --watch-bind=* | --augment-creds=* | --expect-reply=* | --auto-start=* | \
            --allow-interactive-authorization=*) cur=${cur#*=} candidates='yes no' ;;
        -*) candidates="$flags $valued" ;;
        *)
            if [[ $verb ]]; then
                candidates=$(_buzonctl_words ${#arguments[@]} "$verb" "${arguments[@]}")
            else
                candidates=$verbs
            fi
            ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$candidates" -- "$cur")
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace
    __ltrim_colon_completions "$cur"
} && complete -F _buzonctl buzonctl
