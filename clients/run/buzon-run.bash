# SPDX-License-Identifier: Apache-2.0
# Completion of buzon-run: its options, then the program's own completion.
_buzon_run() {
    local cur prev words cword
    _init_completion -n = || return

    local at
    for ((at = 1; at < cword; at++)); do
        case ${words[at]} in
            --config-file | --bus-daemon | --dbus-daemon) ((at++)) ;;
            --) break ;;
            -*) ;;
            *) _command_offset "$at"; return ;;
        esac
    done
    if ((at < cword)); then  # behind --
        _command_offset $((at + 1))
        return
    fi

    case $prev in
        --config-file) _filedir conf; return ;;
        --bus-daemon | --dbus-daemon) COMPREPLY=($(compgen -c -- "$cur")); return ;;
    esac
    case $cur in
        --config-file=*) cur=${cur#*=}; _filedir conf ;;
        --bus-daemon=* | --dbus-daemon=*) COMPREPLY=($(compgen -c -- "${cur#*=}")) ;;
        -*) COMPREPLY=($(compgen -W '--config-file= --bus-daemon= --dbus-daemon= --help --version --' \
                -- "$cur"))
            [[ ${COMPREPLY-} == *= ]] && compopt -o nospace ;;
        *) _command_offset "$cword" ;;
    esac
} && complete -F _buzon_run buzon-run
