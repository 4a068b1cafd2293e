import type { Mutant } from './mutant-list.ts'

const TIMES = ['test/base/time.spec.ts']
const RETENTION = ['test/keys/retention.spec.ts']
const DESTRUCTION = ['test/keys/destruction.spec.ts']
const FILES = ['test/files/files.spec.ts']

/** Of what keeps a slip of the hand from costing a key or showing a secret. */
export const HAND_MUTANTS: readonly Mutant[] = [
  {
    name: 'times: a day that its month has not is taken',
    file: 'src/base/time.ts',
    find: 'day <= daysIn(year, month)',
    replace: 'day <= 31',
    specs: TIMES,
  },
  {
    name: 'times: the zone is ignored',
    file: 'src/base/time.ts',
    find: "const utcMinutes = match[9] === '-' ? minutes + offsetMinutes : minutes - offsetMinutes",
    replace: 'const utcMinutes = minutes',
    specs: TIMES,
  },
  {
    name: 'times: a past one is taken for one to come',
    file: 'src/base/time.ts',
    find: 'return momentMs > nowMs && momentMs <= nowMs + MAX_AHEAD_MS',
    replace: 'return momentMs <= nowMs + MAX_AHEAD_MS',
    specs: [...TIMES, ...RETENTION],
  },
  {
    name: 'retention: the reducer takes a past one',
    file: 'src/keys/retire-handlers.ts',
    find: "if (retainUntilMs !== undefined) requireComing(retainUntilMs, at.timeMs, 'retainUntilMs')",
    replace: '',
    specs: RETENTION,
  },
  {
    name: 'retention: the reducer takes rules that have ended',
    file: 'src/keys/handlers.ts',
    find: '  requireRulesComing(rules, timeMs, before)\n',
    replace: '',
    specs: RETENTION,
  },
  {
    name: 'retention: its end destroys',
    file: 'src/keys/retire-handlers.ts',
    find: '    expire(ledger, version)\n',
    replace: '    destroyNow(ledger, keyOf(ledger, version), version)\n',
    specs: RETENTION,
  },
  {
    name: 'destruction: nothing waits',
    file: 'src/keys/retire-handlers.ts',
    find: 'if (delayMs === 0) destroy(',
    replace: 'if (delayMs >= 0) destroy(',
    specs: DESTRUCTION,
  },
  {
    name: 'destruction: a copy of an earlier transaction does it again',
    file: 'src/keys/retire-handlers.ts',
    find: 'if (version.revision !== retire.revision) {',
    replace: 'if (version.revision < retire.revision) {',
    specs: DESTRUCTION,
  },
  {
    name: 'destruction: operators destroy what its owner has kept',
    file: 'src/keys/retire-handlers.ts',
    find: 'if (!isPending(requireVersion(ledger, key, version))) {',
    replace: 'if (requireVersion(ledger, key, version) === undefined) {',
    specs: DESTRUCTION,
  },
  {
    name: 'destruction: an open refresh makes shares of what is destroyed',
    file: 'src/keys/retire-handlers.ts',
    find: 'if (open?.version === version.version) abort(',
    replace: 'if (open?.version === -1) abort(',
    specs: DESTRUCTION,
  },
  {
    name: 'destruction: holders use a version that waits for it',
    file: 'src/keys/operations/request.ts',
    find: '  if (refusal !== undefined) throw refusal\n',
    replace: "  if (refusal?.code === 'version_destroyed') throw refusal\n",
    specs: ['test/keys/operations/gateway.spec.ts'],
  },
  {
    name: 'destruction: any answer is the key’s name',
    file: 'src/cli/confirming.ts',
    find: 'if (typed.trim() === name) return',
    replace: "if (typed.trim() !== '') return",
    specs: ['test/cli/confirming.spec.ts'],
  },
  {
    name: 'files: what is no file is replaced',
    file: 'src/files/standing.ts',
    find: "return stats.isFile() ? { type: 'file', path: target, stats } : { type: 'stream', path: target }",
    replace: "return { type: 'file', path: target, stats }",
    specs: FILES,
  },
  {
    name: 'files: a link is replaced',
    file: 'src/files/standing.ts',
    find: 'const target = followLinks(path)',
    replace: 'const target = path',
    specs: FILES,
  },
  {
    name: 'files: an interrupted command leaves its hidden file',
    file: 'src/files/leftovers.ts',
    find: '  if (names.size === 0) listen()\n',
    replace: '',
    specs: FILES,
  },
  {
    name: 'files: a secret has a name before it is whole',
    file: 'src/files/drafts.ts',
    find: 'if (file === undefined) return hiddenDraft(path, mode)',
    replace: 'if (file !== undefined) return hiddenDraft(path, mode)',
    specs: FILES,
  },
  {
    name: 'files: a secret gets what the user’s mask leaves',
    file: 'src/files/writing.ts',
    find: '    await draft.file.chmod(mode)\n',
    replace: '',
    specs: FILES,
  },
  {
    name: 'files: a secret gets the mode of the file in its place',
    file: 'src/files/writing.ts',
    find: '  await write(standingOf(path, 1), Readable.fromWeb(stream), { mode: SECRET_MODE, isSecret: true })',
    replace:
      "  const standing = standingOf(path, 1)\n  const mode = standing.type === 'file' ? standing.stats.mode : SECRET_MODE\n  await write(standing, Readable.fromWeb(stream), { mode, isSecret: true })",
    specs: FILES,
  },
]
