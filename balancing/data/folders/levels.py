"""What each level of folders means: split, fold, class, part, patient, site or nothing.

The levels are read from the outside in, each by the names of all its folders together (``words``), and by what
lies below them. Every decision beyond ``CLASS/*`` and ``train/CLASS/*`` is a note; doubt is refused (docs/data.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from balancing.data.folders import notes as say
from balancing.data.folders import words
from balancing.data.folders.crossing import LEVEL_OF, crossed_below, decide_crossed
from balancing.data.folders.tree import Level, Place, cleaned
from balancing.data.options import Options

_FEW = 20


def read_levels(
    source: str, root_name: str, folders: Mapping[str, int], options: Options, hint: say.Hint
) -> tuple[dict[str, Place], list[str]]:
    """The meaning of all folders that hold images.

    Args:
        source: what the user named, for the messages.
        root_name: of the folder or zip file, which a nested copy repeats.
        folders: path below the root -> how many images lie directly in it.
        options: ``folders``, ``split_map`` and ``label_pattern`` matter here.
        hint: what else is known that a refusal should name.
    Returns:
        a place for each path; and notes.
    Raises:
        UserError: in doubt, or where nothing tells the classes.
    """
    places = {
        path: Place(tuple(cleaned(part) for part in path.split("/")) if path else (), count)
        for path, count in folders.items()
    }
    reader = Reader(source, root_name, list(places.values()), options, hint)
    if options.folders is not None:
        from balancing.data.folders.asked import read_as_asked

        read_as_asked(reader, options.folders)
    else:
        reader.read()
    reader.finish()
    return places, reader.notes


class Reader:
    """Reads level after level; ``meanings`` says what those so far are, as ``--folders`` would write it."""

    def __init__(self, source: str, root_name: str, places: list[Place], options: Options, hint: say.Hint) -> None:
        self.source = source
        self.places = places
        self.hint = hint
        self.notes: list[str] = []
        self.meanings: list[str] = []
        self.wrappers = {root_name.strip().casefold()}
        self.split_map = {words.alike(word): split for word, split in options.split_map.items()}
        self.mapped: set[str] = set()
        self.by_name = options.label_pattern is not None
        self.decided = self.by_name  # the class
        self.subtypes = False  # whether folders below the classes have been spoken of

    def read(self) -> None:
        while active := [place for place in self.places if place.out is None and place.at < len(place.folders)]:
            (self._below_class if self.decided else self._above_class)(Level(active))

    def finish(self) -> None:
        unused = [word for word in self.split_map if word not in self.mapped]
        if unused:
            raise say.split_map_unused(self.source, unused[0], self.places)
        for place in self.places:
            if place.label is None and not self.by_name and place.out is None:
                place.out = "stray"
        if not self.by_name and not any(place.out is None for place in self.places):
            if any(place.out == "drop" for place in self.places):
                raise say.all_dropped(self.source)
            raise say.flat(self.source, self.places, self.hint)
        used = [place for place in self.places if place.out is None]
        patients = {place.patient for place in used if place.patient is not None}
        if patients:
            self.notes.append(say.patients(patients, used))
        dropped = sum(place.images for place in self.places if place.out == "drop")
        if dropped:
            self.notes.append(f"{dropped:,} images are left out, as --split-map asks.")

    # ---- before the class is found

    def _above_class(self, level: Level) -> None:
        names = level.names
        if self._again(level):
            return
        fused = words.split_and_class(names)
        if fused is not None:
            self._read_fused(level, fused)
            return
        splits = self.splits_of(names)
        if splits:
            self._read_splits(level, splits)
            return
        series = "patient" in self.meanings and words.numbered_series(names)
        kind = words.kind_of(names) or ("study" if series else None)
        if kind is not None:
            self._typed(level, kind)
        elif len(names) == 1:
            self._only_one(level)
        elif self._second_places(level):
            return
        elif words.look_like_ids(names, sum(level.images.values())):
            below = set().union(*level.below.values())
            if not (level.leads_on and len(below) <= max(_FEW, len(names) // 2)):
                raise say.no_classes(self.source, names, "patient", self.meanings, self.hint)
            self.pass_level(level, "patient")
        elif words.name_nothing(names) and not level.leads_on:
            self._step(level)
        else:
            self._class_or_crossed(level)

    def _again(self, level: Level) -> bool:
        """Passes a split folder within the same split's (train/train): another unpacked it twice."""
        again = [
            place
            for place in level.places
            if place.at and place.deeper and place.here == place.folders[place.at - 1]
            if place.split is not None and place.split == words.split_word(place.here)
        ]
        for place in again:
            place.at += 1
        return bool(again)

    def splits_of(self, names: Iterable[str]) -> dict[str, str]:
        """Folders -> splits, by the user's words first."""
        names = list(names)
        asked = {name: self.split_map[words.alike(name)] for name in names if words.alike(name) in self.split_map}
        found = words.split_words(names)
        for name in found:
            if found[name] in self.split_map and name not in asked:  # --split-map validation=train
                asked[name] = self.split_map[found[name]]
                self.mapped.add(found[name])
        self.mapped.update(words.alike(name) for name in asked)
        return {**found, **asked}

    def _read_splits(self, level: Level, splits: dict[str, str]) -> None:
        folds_above = sorted({place.fold for place in level.places if place.fold is not None})
        if len(folds_above) > 1 and len(set(splits.values())) > 1:
            raise say.splits_in_folds(self.source, folds_above)
        beside = {place.folders[: place.at] for place in level.places if place.here in splits}
        level = Level([place for place in level.places if place.folders[: place.at] in beside])
        others = [name for name in level.names if name not in splits]
        copies = [name for name in others if self.splits_of(level.below[name])]
        if copies:
            self._move_into(level, copies)
            return
        folds = [name for name in others if words.is_fold(name, True)]
        others = [name for name in others if name not in folds]
        below = {words.alike(name) for split in splits for name in level.below.get(split, ())}
        if others and not below and not self.decided:
            if set(splits.values()) == {"drop"}:
                level.leave_out(splits)
                return
            told = len(others) > 1 or level.below[others[0]]  # and no trial's "test" and "control"
            if list(splits.values()) == ["test"] and told and not self.meanings:
                raise say.split_beside_classes(self.source, min(splits), others)
            raise say.no_classes(self.source, level.names, "split", self.meanings, self.hint)
        unknown = [name for name in others if level.below[name] or self.decided]
        if unknown:
            raise say.unknown_split(self.source, unknown, splits)
        for name in others:
            if words.alike(name) in below:
                raise say.class_beside_splits(self.source, name, splits)
        refined = any(place.split for place in level.places)
        self._say_splits(level, splits, refined)
        for place in level.places:
            if place.here in splits:
                word = splits[place.here]
                place.split = word
                place.out = "drop" if word == "drop" else place.out
            elif place.here in folds:
                place.fold = place.here
            else:
                place.out = "stray"
        if not refined:
            self.meanings.append("split")
        self._step(level)

    def _read_fused(self, level: Level, told: Mapping[str, tuple[str, str]]) -> None:
        """Folders ``train_cat``, ``test_cat`` tell split and class at once."""
        self.notes.append(f"Folders tell their split and their class at once, such as {say.some(level.names)}.")
        for place in level.places:
            place.split, place.label = told[place.here]
        self.meanings.append("class")
        self.decided = True
        self._step(level)

    def _say_splits(self, level: Level, splits: dict[str, str], refined: bool) -> None:
        if self.decided and not self.by_name:
            self.notes.append(say.split_below_class(level.names))
        elif refined:
            self.notes.append(f"Folders {say.some(sorted(splits))} within a split are taken for the split.")
        elif any(words.PLAIN.get(name.casefold()) != split for name, split in splits.items()):
            self.notes.append(say.split_words_note(splits))

    def _move_into(self, level: Level, names: list[str]) -> None:
        """Passes folders that hold the same again: a nested copy, or another place of the same set."""
        other = [name for name in names if name.casefold() not in self.wrappers]
        if other:
            self.notes.append(
                f"The folders below {say.some(other)} are read as those beside {'it' if len(other) == 1 else 'them'}."
            )
        for place in level.places:
            if place.here in names:
                place.at += 1

    def _second_places(self, level: Level) -> bool:
        direct = {place.here for place in level.places if not place.deeper}
        names = set(level.names)
        second = [
            name
            for name in names - direct
            if level.below[name] <= names - {name}
            or (name.casefold() in self.wrappers and level.below[name] & (names - {name}))
        ]
        if second and len(names) - len(second) >= 2:
            self._move_into(level, second)
            return True
        return False

    def _typed(self, level: Level, kind: str) -> None:
        names = level.names
        if kind == "patient" and self._within_patients(level):
            kind = "study"
        self._refuse_kind(level, kind)
        if level.leads_on:
            self.pass_level(level, kind)
        elif kind in ("view", "magnification") and len(names) > 1 and "patient" not in self.meanings:
            self._choose(level)
        else:
            raise say.no_classes(self.source, names, kind, self.meanings, self.hint)

    def _within_patients(self, level: Level) -> bool:
        """Whether folders that look like patients' lie in patients' own, and don't go on with their numbers."""
        first = next(((place.here, place.patient) for place in level.places if place.patient is not None), None)
        return first is not None and first[0][:1].casefold() != first[1][:1].casefold()

    def _only_one(self, level: Level) -> None:
        name = level.names[0]
        if level.leads_on:  # it wraps what lies below
            self.wrappers.add(name.casefold())
            if self.meanings:
                self.meanings.append("*")
            for place in level.places:
                place.out = None if place.deeper else "stray"
            self._step(level)
        elif name.casefold() in words.NEUTRAL or self.hint.label_pattern or self.hint.tables or level.deep:
            self._step(level)  # no class: all that there is lies here
        else:
            self._choose(level)

    def _class_or_crossed(self, level: Level) -> None:
        crossed = crossed_below(level, self.splits_of)
        if crossed is not None:
            inner, middle = sorted(crossed[0]), crossed[1]
            readings = [[*self.meanings, "class"], [*self.meanings, "*", *middle, "class"]]
            if decide_crossed(self.source, level, inner, readings):
                self.notes.append(say.above_class(level.names, inner, readings))
                self.meanings.append("*")
                self._step(level)
                return
            self.notes.append(say.below_class(level.names, inner, readings))
            self.subtypes = True
        elif level.leads_on and words.name_sets(level.names):
            inner = sorted(set().union(*level.below.values()))
            readings = [[*self.meanings, "class"], [*self.meanings, "*", "class"]]
            raise say.two_readings(self.source, level.names, inner, readings)
        self._choose(level)

    def _choose(self, level: Level) -> None:
        """This level's folders are the classes."""
        some_are = any(name.casefold() not in words.NEUTRAL for name in level.names)
        for place in level.places:
            if some_are and len(level.names) > 2 and place.here.casefold() in words.NEUTRAL:
                place.out = "stray"
            else:
                place.label = place.here
        self.meanings.append("class")
        self.decided = True
        self._step(level)

    # ---- below the class

    def _below_class(self, level: Level) -> None:
        if self._again(level):
            return
        names = level.names
        splits = self.splits_of(names)
        if splits and all(place.split is None for place in level.places):
            if "train" in splits.values():  # beside it nothing tells which split an image is of
                for place in self.places:
                    if place.at == len(place.folders) and place.split is None and place.out is None:
                        place.out = "stray"
            self._read_splits(level, splits)
            return
        kind = words.kind_of(names)
        if kind is None and words.look_like_ids(names, sum(level.images.values())):
            kind = "patient"
        if kind == "patient" and self._within_patients(level):
            kind = "study"
        if kind is not None:
            self.pass_level(level, kind)
            return
        if len(names) > 1 and not self.by_name and not self.subtypes:
            reading = [*self.meanings[: self.meanings.index("class")], "*"]
            reading += ["*"] * (len(self.meanings) - len(reading)) + ["class"]
            self.notes.append(say.subtypes(names, reading))
            self.subtypes = True
        self.meanings.append("*")
        self._step(level, keep=not self.by_name)

    # ---- moving on

    def _refuse_kind(self, level: Level, kind: str) -> None:
        pattern = words.class_in_study(level.names) if kind == "study" and not self.by_name else None
        if pattern is not None:
            raise say.class_in_study(self.source, level.names, pattern)
        if kind == "size":
            raise say.sizes(self.source, level.names)

    def pass_level(self, level: Level, kind: str) -> None:
        """This level is of a kind that is no class."""
        self._refuse_kind(level, kind)
        for place in level.places:
            if kind == "patient":
                place.patient = place.here if place.patient is None else f"{place.patient}/{place.here}"
            elif kind == "fold":
                place.fold = place.here
        if kind not in ("fold", "patient"):  # those are said at the end, with what becomes of them
            self.notes.append(say.level_note(kind, level.names))
        self.meanings.append(LEVEL_OF.get(kind, "*"))
        self._step(level, keep=self.decided and kind != "fold" and not self.by_name)

    def _step(self, level: Level, keep: bool = False) -> None:
        for place in level.places:
            if keep:
                place.inside = (*place.inside, place.here)
            place.at += 1
