export {
  type Attested,
  platformMeasurement,
  quoteChallenge,
  verifyQuote,
  verifyStatement,
} from './attestation.ts'
export { type AttestationNonce, attestationNonces, rollNonces, takeAttestation } from './attesting.ts'
export type { Attestor } from './attestor.ts'
export {
  type BeaconState,
  beaconLoad,
  createBeacons,
  type HeardBeacon,
  hearBeacon,
  loadOf,
  makeBeacon,
  memberDigest,
} from './beacons.ts'
export { NOTABLE_OFFSET_MS, othersOffsetMs, peerOffsetMs } from './clocks.ts'
export {
  createObservations,
  makeReport,
  noteAnswer,
  noteBeat,
  type ObservationState,
} from './observations.ts'
export {
  createPlans,
  hearPlan,
  makePlan,
  type PlannedMembers,
  type PlanState,
  plannedMembers,
  plannedMs,
  type Standpoint,
} from './plans.ts'
export * from './records.ts'
export { agreedTrust, atSendersRisk, removeConvicted, settleTrust, takeReport, trustOf } from './reducer.ts'
export { medianRoundTrip, noteRoundTrip, type RoundTrips } from './round-trips.ts'
export { attestationKeyId, type Quote, selectionOf } from './tpm-structures.ts'
export { beaconCoordinate, type Coordinate, coordinateOf, moved, ORIGIN, predictMs } from './vivaldi.ts'
