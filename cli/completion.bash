# bash completion for qtoa; made by: qtoa completion bash

# VERB:PLACE:ARGUMENT:EXCLUDED:WORDS:TEXT: what may stand behind a verb, and which words it may be.
# PLACE is a number from 0, * for all further arguments, an option, or =NAME for the verb NAME of
# a group.  qtoa itself knows the words of @accounts and @ids.
_qtoa_table()
{
	cat <<\END
@TABLE@
END
}

_qtoa()
{
	local IFS=$' \t\n' program=${1/#\~\//$HOME/} cur=$2
	local verb='' place=0 found='' want='' options='' at slot arg words word i
	local -A row=() verbs=() own=()

	while IFS=: read -r at slot arg _ words _; do
		row[$at:$slot]=$arg:$words
		case $slot in
		=*) verbs[$at:]+="${slot#=} " ;;
		-*) own[$at:]+="$slot " ;;
		esac
	done < <(_qtoa_table)

	# The words before the cursor lead to a verb, which may be a question of the report.
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $word in
		-*)
			found=${row[$verb:$word]:-${row[${verb% *}:$word]:-:}}
			case $found in
			:* | \[*) ;;		# it has no value, or needs none
			*) ((++i)) ;;
			esac ;;
		*)
			if [[ -n ${row[$verb:=$word]:-} ]]; then
				verb=${verb:+$verb }$word place=0
			else
				((++place))
				[[ -z ${own[$verb $word:]:-}${row[$verb $word:$place]:-} ]] ||
				    verb+=" $word"
			fi ;;
		esac
	done

	COMPREPLY=()
	# Where a word is known to be free, nothing is offered: that is @.
	if ((i <= COMP_CWORD)); then
		options=${own[$verb:]:-}
		[[ $verb != *' '* ]] || options+=${own[${verb% *}:]:-}
		[[ -n $verb ]] || ((place)) || options='-V -h --version'
		found=${row[$verb:$place]:-${row[$verb:*]:-}}
		((place)) || want=${verbs[$verb:]:-}
	fi
	[[ -z $found ]] || want="${found#*:} @"
	case $cur in
	-*) want="$options --help" ;;
	*) want=${want:-$options} ;;
	esac
	for word in $want; do
		case $word in
		@) ;;
		@files) compopt -o default 2>/dev/null ;;
		@*)
			while IFS= read -r word; do
				[[ $word == "$cur"* ]] && COMPREPLY+=("$word")
			done < <("$program" completion "${word#@}" 2>/dev/null </dev/null) ;;
		"$cur"*) COMPREPLY+=("$word") ;;
		esac
	done
	return 0
}

complete -F _qtoa qtoa
