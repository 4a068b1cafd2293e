/** What a Byzantine host does beside following the protocol. Each is tried alone by `ostraka sim --byzantine`. */
export const MISDEEDS = [
  'equivocation',
  'conflicting-beacons',
  'bad-dealing',
  'copied-encapsulation',
  'copied-import',
  'censored-complaint',
  'bad-partial',
  'bad-randomness',
  'false-complaint',
  'forked-audit',
  'forged-evidence',
  'stolen-invite',
  'lying-report',
  'censor',
  'forged-signature',
  'silence',
  'flood',
  'record-filler',
] as const

export type Misdeed = (typeof MISDEEDS)[number]

/** The misdeeds that storms mix with other faults: done frame by frame, at any moment. */
export const STORM_MISDEEDS = ['bad-partial', 'bad-dealing', 'bad-randomness', 'equivocation'] as const

/**
 * What a misdeed must come to. `removed`: proof convicts, of one of `reasons`. `suspended`: nothing is provable, and the
 * others' reports put it aside. `fined`: it costs, and convicts nobody. `nothing`: it moves nothing.
 */
export type Desert =
  | { readonly verdict: 'removed'; readonly reasons: readonly string[] }
  | { readonly verdict: 'suspended' | 'fined' | 'nothing' }

export const DESERTS: Readonly<Record<Misdeed, Desert>> = {
  equivocation: { verdict: 'removed', reasons: ['equivocation'] },
  'conflicting-beacons': { verdict: 'removed', reasons: ['equivocation'] },
  // some peers get the sound dealing and some the other: whichever is found out first
  'bad-dealing': { verdict: 'removed', reasons: ['bad_dealing', 'equivocation'] },
  'copied-encapsulation': { verdict: 'removed', reasons: ['bad_dealing', 'equivocation'] },
  'censored-complaint': { verdict: 'removed', reasons: ['bad_dealing', 'equivocation'] },
  'bad-partial': { verdict: 'removed', reasons: ['bad_partial'] },
  'bad-randomness': { verdict: 'removed', reasons: ['bad_partial'] },
  'false-complaint': { verdict: 'removed', reasons: ['false_complaint'] },
  'forked-audit': { verdict: 'removed', reasons: ['forked_audit'] },
  'forged-evidence': { verdict: 'fined' },
  'stolen-invite': { verdict: 'nothing' },
  'lying-report': { verdict: 'nothing' },
  // whatever it leaves out another leader takes, before the stage ends
  censor: { verdict: 'nothing' },
  // names whoever it likes; nobody reads what does not verify
  'forged-signature': { verdict: 'nothing' },
  silence: { verdict: 'suspended' },
  flood: { verdict: 'suspended' },
  // a client's dealing is refused, and a client is no member
  'copied-import': { verdict: 'nothing' },
  // nobody keeps what no log pins
  'record-filler': { verdict: 'nothing' },
}
