# What reads the wall clock is right at every date and in every time zone: see dates.sh.

DATES	 = DIR='$(B)/dates' JOBS='$(DATES_JOBS)' SLOW='$(DATES_SLOW)' MODELS="env \
	   MODELS_TOOL='$(abspath $(MODELS))' MODELS_EVENTS=12000 $(PYTHON) -B -m pytest -q \
	   -p no:cacheprovider -p no:xdist tests/models $(DATES_ONLY)" tests/dates/dates.sh
# More than cores, since most of them wait.
DATES_JOBS ?= 4

# A tenth of the models' events: nothing of a date is in how many there are.
check-dates: $(UNIT_BINS) $(MODELS)
	$(DATES) all $(UNIT_BINS)

# Part of `check`: the programs whose test or module reads the clock; a slow one runs at one date.
DATES_READ = $(basename $(notdir $(shell grep -rlE 'clock_wall_ms|CLOCK_REALTIME' --include='*.c' \
	     $(ROOMS) tests/unit)))
DATES_FEW = $(foreach t,$(UNIT_BINS),$(if $(filter $(DATES_READ),$(notdir $t) \
	    $(patsubst test_%,%,$(notdir $t))),$t))
DATES_SLOW = alert deliver drain unionid dedup store counters access_token health_state

check-few-dates: DATES_ONLY = -k 'empty_store and (follows or retention)'
check-few-dates: $(UNIT_BINS) $(MODELS)
	@$(DATES) few $(DATES_FEW)

.PHONY: check-dates check-few-dates
