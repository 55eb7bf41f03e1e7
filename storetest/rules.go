package storetest

// rules is the contract of store.Store, in the order in which an implementer
// best meets it.
func rules() []rule {
	durable := []Capability{Durable}
	processes := []Capability{Durable, Processes}
	return []rule{
		{"RoundTrip", "What was put comes back from Put, Get and List: every field, each byte, Labels as a sorted set that is nil when empty, Data never nil.", nil, checkRoundTrip},
		{"Times", "Due is kept to the microsecond, rounded towards the past, and comes back in UTC; the years 1 to 9999 are kept, and the zero Time means never.", nil, checkTimes},
		{"BigData", "Data of 1 MiB is accepted and comes back byte for byte.", nil, checkBigData},
		{"OddKeys", "Two Keys are the same when their bytes are: case, spaces, wildcards, quotes, and composed or decomposed accents all count; List orders by the bytes of the ID.", nil, checkOddKeys},
		{"NoAlias", "No memory is shared: rows given and returned may be changed freely.", nil, checkNoAlias},

		{"NotFound", "Get, Delete, or Put with Version > 0, of a row that is not there is ErrNotFound; a List that matches nothing is an empty page, its Rows not nil.", nil, checkNotFound},
		{"Invalid", "A call that can never succeed as written is ErrInvalid: a negative Version or Limit, an empty Kind or ID, NUL or invalid UTF-8 in a name, a half-filled Parent, Due out of range.", nil, checkInvalid},
		{"Precedence", "Where several errors apply, the context's comes first, then ErrInvalid for what needs no reading, then the others in the order of the contract's table.", nil, checkPrecedence},
		{"ErrorsChangeNothing", "A call that returned an error of package store changed nothing.", nil, checkErrorsChangeNothing},
		{"Closed", "A closed Store answers every call with ErrClosed, before anything else, and closing it again does no harm.", nil, checkClosed},

		{"Versions", "Version is 1 after the first Put and one higher after each Put; a refused call does not count.", nil, checkVersions},
		{"CompareAndSwap", "Put and Delete act on exactly the Version they name: any other is ErrConflict, and so is Delete with version 0 of a row that is there.", nil, checkCompareAndSwap},
		{"CASContention", "Of concurrent Puts of one Version one succeeds: no update is lost and none is counted twice, from any handle.", nil, checkCASContention},
		{"CreateOnce", "Of concurrent Puts that create one Key one succeeds, and the others are ErrExists.", nil, checkCreateOnce},
		{"DeleteOnce", "Of concurrent Deletes of one row one succeeds.", nil, checkDeleteOnce},
		{"TornReads", "A reader sees each row wholly as one Put left it, also while it is written.", nil, checkTornReads},
		{"ReadLatest", "A read sees the latest write, whichever handle made it, as soon as the call that made it has returned.", nil, checkReadLatest},

		{"Unique", "Unique is a second name within the Kind: taken by another row it is ErrExists, its own row keeps it, and a delete or a rename frees it.", nil, checkUnique},
		{"UniqueRace", "Of concurrent Puts that give one Unique to different rows of a Kind one succeeds, and the others are ErrExists.", nil, checkUniqueRace},
		{"Parent", "A new row's Parent has to be there, else ErrNotFound; Parent is fixed when the row is created, and another one in a later Put is ErrInvalid.", nil, checkParent},
		{"Cascade", "Delete removes, with the row, every row below it at any depth and in any Kind, and nothing else.", nil, checkCascade},
		{"CascadeRace", "Delete removes a row and all below it in one atomic step: no reader sees a part of them gone.", nil, checkCascadeRace},
		{"NoOrphans", "No row is created below a row that is being deleted: it is deleted with it, or refused with ErrNotFound.", nil, checkNoOrphans},

		{"Pages", "Following Next yields each row that matches once, in order, in full pages of every size, and Next is empty on the last page.", nil, checkPages},
		{"PagesUnderChange", "Following Next yields each row that was there all the while exactly once, whatever else is written meanwhile.", nil, checkPagesUnderChange},
		{"Limits", "A page has at most Limit rows; 0 means 100, and a Store may cap a larger Limit at no less than 1000.", nil, checkLimits},
		{"Cursors", "A cursor holds for the same Query with any Limit, also when the row it came from is gone; one that is not ours, or of the other ordering, is ErrInvalid.", nil, checkCursors},
		{"Labels", "Query.Labels selects rows that have all of these labels, matched exactly, and follows every write.", nil, checkLabels},
		{"Due", "Query.DueBefore selects rows that are due strictly before it, ordered by (Due, ID); a row that is never due is in no such query.", nil, checkDue},
		{"Filters", "All conditions of a Query must hold.", nil, checkFilters},
		{"GetPath", "GetPath finds the row of a Kind by its name below the parent that has a Unique of its own Kind, and is ErrNotFound when either is missing; it agrees with two Lists.", nil, checkGetPath},

		{"Canceled", "A call with a done context fails with the context's error and changes nothing.", nil, checkCanceled},
		{"CancelMidway", "A context that is done during a call leaves each row wholly old or wholly new, and the Store usable; a call that succeeded has happened.", nil, checkCancelMidway},
		{"Lease", "A lease built of a row has one holder, and one who lost it can neither renew nor release it.", nil, checkLease},
		{"Model", "A random sequence of calls is answered as by a plain table, and leaves the same rows.", nil, checkModel},

		{"Reopen", "Rows outlive the handle that wrote them, and closing one handle does not disturb another.", durable, checkReopen},
		{"Processes", "Handles in several processes see each other's writes as those of one process do: no update is lost and none counted twice.", processes, checkProcesses},
		{"KillNine", "A write that returned nil survives the process being killed, with two processes writing at once, and the survivors go on.", processes, checkKillNine},
	}
}
