#compdef qtoa
# zsh completion for qtoa; made by: qtoa completion zsh

# VERB:PLACE:ARGUMENT:EXCLUDED:WORDS:TEXT: what may stand behind a verb, and which words it may be.
# PLACE is a number from 0, * for all further arguments, an option, or =NAME for the verb NAME of
# a group.  qtoa itself knows the words of @accounts and @ids.
_qtoa_table() {
	cat <<\END
@TABLE@
END
}

# The last argument has words, separated by commas.
_qtoa_words() {
	local word
	local -a found

	for word in ${(s:,:)argv[-1]}; do
		case $word in
		@*) found+=(${(f)"$(${~program} completion ${word#@} 2>/dev/null </dev/null)"}) ;;
		*) found+=($word) ;;
		esac
	done
	compadd "${(@)argv[1,-2]}" -a found
}

# What may stand behind a verb; a question of the report has options of its own.
_qtoa_verb() {
	local verb=$1 at slot arg excluded offer text action state line
	local -a verbs args version

	while IFS=: read -r at slot arg excluded offer text; do
		[[ $at == "$verb" || $at == "$verb $words[2]" ]] || continue
		case $offer in
		'') action=' ' ;;
		@files*) action=_files ;;
		*) action="_qtoa_words ${${offer% }// /,}" ;;
		esac
		[[ -z $arg ]] || arg=":${${arg/#\[/:}//[].]/}:$action"
		case $slot in
		\=*) [[ $at != "$verb" ]] || verbs+=("$slot[2,-1]:$text") ;;
		-*) args+=("${excluded:+($excluded)}${slot}[${text//(#m)[][\\]/\\$MATCH}]$arg") ;;
		\*) args+=("*$arg") ;;
		*) args+=("$((slot + 1))$arg") ;;
		esac
	done < <(_qtoa_table)

	if (( ! $#verbs )); then
		(( ! $#args )) || _arguments '(- *)'{-h,--help}'[print help]' $args
		return
	fi
	[[ -n $verb ]] || version=('(- *)'{-V,--version}'[print the version]')
	_arguments -C $version '(- *)'{-h,--help}'[print help]' '(-): :->verb' '(-)*:: :->rest'
	case $state in
	verb) _describe -t verbs verb verbs ;;
	rest) _qtoa_verb "${verb:+$verb }$line[1]" ;;
	esac
}

_qtoa() {
	local program=${(Q)words[1]} curcontext=$curcontext

	_qtoa_verb ''
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
	_qtoa "$@"
else
	compdef _qtoa qtoa
fi
