#compdef qtoa
# zsh completion for qtoa; made by: qtoa completion zsh

# Each row is VERB:PLACE:ARGUMENT:EXCLUDED:WORDS:TEXT.  PLACE says what may follow the verb: an
# argument, by its number from 0; * for all further arguments; an option; or =NAME, a verb of the
# group.  ARGUMENT is the name of the value, EXCLUDED an option that cannot be given too, WORDS are
# the possible values, TEXT is the help.  qtoa knows the words of @accounts and @ids.
_qtoa_table() {
	cat <<\END
@TABLE@
END
}

# Offers the words of the last argument, which are separated by commas.
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

# Completes what may follow a verb; a question of the report has options of its own.
_qtoa_verb() {
	local verb=$1 owner place arg excluded offer text action state line
	local -a verbs args version

	while IFS=: read -r owner place arg excluded offer text; do
		[[ $owner == "$verb" || $owner == "$verb $words[2]" ]] || continue
		case $offer in
		'') action=' ' ;;
		@files*) action=_files ;;
		*) action="_qtoa_words ${${offer% }// /,}" ;;
		esac
		[[ -z $arg ]] || arg=":${${arg/#\[/:}//[].]/}:$action"
		case $place in
		\=*) [[ $owner != "$verb" ]] || verbs+=("$place[2,-1]:$text") ;;
		-*) args+=("${excluded:+($excluded)}${place}[${text//(#m)[][\\]/\\$MATCH}]$arg") ;;
		\*) args+=("*$arg") ;;
		*) args+=("$((place + 1))$arg") ;;
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
