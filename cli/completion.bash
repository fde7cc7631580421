# bash completion for qtoa; made by: qtoa completion bash

# Each row is VERB:PLACE:ARGUMENT:EXCLUDED:WORDS:TEXT.  PLACE says what may follow the verb: an
# argument, by its number from 0; * for all further arguments; an option; or =NAME, a verb of the
# group.  ARGUMENT is the name of the value, EXCLUDED an option that cannot be given too, WORDS are
# the possible values, TEXT is the help.  qtoa knows the words of @accounts and @ids.
_qtoa_table()
{
	cat <<\END
@TABLE@
END
}

_qtoa()
{
	local IFS=$' \t\n' program=${1/#\~\//$HOME/} cur=$2
	local verb='' count=0 found='' want='' options='' owner place arg words word i
	local -A row=() verbs=() own=()

	while IFS=: read -r owner place arg _ words _; do
		row[$owner:$place]=$arg:$words
		case $place in
		=*) verbs[$owner:]+="${place#=} " ;;
		-*) own[$owner:]+="$place " ;;
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
				verb=${verb:+$verb }$word count=0
			else
				((++count))
				[[ -z ${own[$verb $word:]:-}${row[$verb $word:$count]:-} ]] ||
				    verb+=" $word"
			fi ;;
		esac
	done

	COMPREPLY=()
	if ((i <= COMP_CWORD)); then
		options=${own[$verb:]:-}
		[[ $verb != *' '* ]] || options+=${own[${verb% *}:]:-}
		[[ -n $verb ]] || ((count)) || options='-V -h --version'
		found=${row[$verb:$count]:-${row[$verb:*]:-}}
		((count)) || want=${verbs[$verb:]:-}
	fi
	# @ alone stands for a value that may be anything: then no option is offered instead.
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
