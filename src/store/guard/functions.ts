/**
 * The functions that SQL from outside may call, each by its name: what is not here is refused, so a new version of the engine brings nothing
 * new in. All of them compute from their arguments alone, in a time that grows with their size. Left out are those that read files, the
 * network, the process or other tables; those whose cost grows faster than what they are given (distances of edits, base 58, tests of
 * ranks, sequences of events, which are matched by going back; normal forms of Unicode, which sort marks); those that make much out of nothing (`repeat`, `printf`); and those that
 * fail on purpose.
 */

/** In lower case, as names are compared: one that only differs in case from one that is refused is refused. */
const names = (text: string): ReadonlySet<string> => new Set(text.toLowerCase().split(/\s+/).filter(Boolean));

/** Those over rows, and over windows of rows. Combinators (`If`, `Array`, `Merge` …) may follow. */
export const AGGREGATE_FUNCTIONS: ReadonlySet<string> = names(`
  BIT_AND BIT_OR BIT_XOR COVAR_POP COVAR_SAMP STD STDDEV STDDEV_POP STDDEV_SAMP VAR_POP VAR_SAMP any anyHeavy anyLast
  anyLastRespectNulls anyLast_respect_nulls anyRespectNulls anyValueRespectNulls any_respect_nulls any_value any_value_respect_nulls
  approx_top_count approx_top_k approx_top_sum argAndMax argAndMin argMax argMin array_agg avg avgWeighted boundingRatio corr corrStable
  count covarPop covarPopStable covarSamp covarSampStable cume_dist deltaSum deltaSumTimestamp denseRank dense_rank distinctDynamicTypes
  distinctJSONPaths distinctJSONPathsAndTypes entropy exponentialMovingAverage exponentialTimeDecayedAvg exponentialTimeDecayedCount
  exponentialTimeDecayedMax exponentialTimeDecayedSum firstValueRespectNulls first_value first_value_respect_nulls groupArray
  groupArrayInsertAt groupArrayLast groupArrayMovingAvg groupArrayMovingSum groupArraySample groupArraySorted groupBitAnd groupBitOr
  groupBitXor groupBitmap groupBitmapAnd groupBitmapOr groupBitmapXor groupConcat groupUniqArray group_concat histogram
  intervalLengthSum kurtPop kurtSamp lag lagInFrame lastValueRespectNulls last_value last_value_respect_nulls lead leadInFrame max
  maxIntersections maxIntersectionsPosition maxMappedArrays max_by meanZTest median medianBFloat16 medianBFloat16Weighted medianDD
  medianDeterministic medianExact medianExactHigh medianExactLow medianExactWeighted medianExactWeightedInterpolated medianGK
  medianInterpolatedWeighted medianTDigest medianTDigestWeighted medianTiming medianTimingWeighted min minMappedArrays min_by
  nonNegativeDerivative nth_value ntile percentRank percent_rank quantile quantileBFloat16 quantileBFloat16Weighted quantileDD
  quantileDeterministic quantileExact quantileExactExclusive quantileExactHigh quantileExactInclusive quantileExactLow
  quantileExactWeighted quantileExactWeightedInterpolated quantileGK quantileInterpolatedWeighted quantileTDigest
  quantileTDigestWeighted quantileTiming quantileTimingWeighted quantiles quantilesBFloat16 quantilesBFloat16Weighted quantilesDD
  quantilesDeterministic quantilesExact quantilesExactExclusive quantilesExactHigh quantilesExactInclusive quantilesExactLow
  quantilesExactWeighted quantilesExactWeightedInterpolated quantilesGK quantilesInterpolatedWeighted quantilesTDigest
  quantilesTDigestWeighted quantilesTiming quantilesTimingWeighted rank rankCorr retention row_number
  simpleLinearRegression singleValueOrNull skewPop skewSamp sparkBar sparkbar stddevPop stddevPopStable stddevSamp
  stddevSampStable string_agg studentTTest studentTTestOneSample sum sumCount sumKahan sumMapFiltered sumMapFilteredWithOverflow
  sumMapWithOverflow sumMappedArrays sumWithOverflow timeSeriesChangesToGrid timeSeriesDeltaToGrid timeSeriesDerivToGrid
  timeSeriesIncreaseToGrid timeSeriesInstantDeltaToGrid timeSeriesInstantRateToGrid timeSeriesLastToGrid timeSeriesLastTwoSamples
  timeSeriesPredictLinearToGrid timeSeriesRateToGrid timeSeriesResampleToGridWithStaleness timeSeriesResetsToGrid topK topKWeighted uniq
  uniqCombined uniqCombined64 uniqExact uniqHLL12 uniqUpTo varPop varPopStable varSamp varSampStable welchTTest windowFunnel
`);

/** Those of one row, in the groups of the documentation of ClickHouse; last, what the parser makes of syntax. */
export const FUNCTIONS: ReadonlySet<string> = names(`
  abs avg2 byteSwap divide divideDecimal divideOrNull gcd ifNotFinite intDiv intDivOrNull intDivOrZero isFinite isInfinite isNaN lcm
  max2 midpoint min2 minus mod modOrNull modulo moduloLegacy moduloOrNull moduloOrZero multiply multiplyDecimal negate plus pmod
  pmodOrNull positiveModulo positiveModuloOrNull positive_modulo positive_modulo_or_null sqr
  CARDINALITY OCTET_LENGTH array arrayAUC arrayAUCPR arrayAll arrayAvg arrayBottomK arrayCompact arrayConcat arrayCount arrayCumSum
  arrayCumSumNonNegative arrayDifference arrayDistinct arrayDotProduct arrayElement arrayElementOrNull arrayEnumerate
  arrayEnumerateDense arrayEnumerateDenseRanked arrayEnumerateUniq arrayEnumerateUniqRanked arrayExcept arrayExists arrayFill
  arrayFilter arrayFirst arrayFirstIndex arrayFirstOrNull arrayFlatten arrayIntersect arrayJaccardIndex arrayJoin arrayLast
  arrayLastIndex arrayLastOrNull arrayMap arrayMax arrayMin arrayNormalizedGini arrayPRAUC arrayPartialReverseSort arrayPartialShuffle
  arrayPartialSort arrayPopBack arrayPopFront arrayProduct arrayPushBack arrayPushFront arrayROCAUC arrayRandomSample arrayReduce
  arrayRemove arrayResize arrayReverse arrayReverseFill arrayReverseSort arrayReverseSplit arrayRotateLeft
  arrayRotateRight arrayShiftLeft arrayShiftRight arrayShuffle arraySlice arraySort arraySplit arraySum arraySymmetricDifference
  arrayTopK arrayTranspose arrayUnion arrayUniq arrayWithConstant arrayZip arrayZipUnaligned array_remove countEqual empty
  emptyArrayDate emptyArrayDateTime emptyArrayFloat32 emptyArrayFloat64 emptyArrayInt16 emptyArrayInt32 emptyArrayInt64 emptyArrayInt8
  emptyArrayString emptyArrayToSingle emptyArrayUInt16 emptyArrayUInt32 emptyArrayUInt64 emptyArrayUInt8 flatten has hasAll hasAny
  hasSubstr indexOf indexOfAssumeSorted length notEmpty range replicate reverse unnest
  bitAnd bitCount bitHammingDistance bitNot bitOr bitRotateLeft bitRotateRight bitShiftLeft bitShiftRight bitSlice bitTest bitTestAll
  bitTestAny bitXor
  bitmapAnd bitmapAndCardinality bitmapAndnot bitmapAndnotCardinality bitmapBuild bitmapCardinality bitmapContains bitmapHasAll
  bitmapHasAny bitmapMax bitmapMin bitmapOr bitmapOrCardinality bitmapToArray bitmapTransform
  bitmapXor bitmapXorCardinality
  equals globalIn globalInIgnoreSet globalNotIn globalNotInIgnoreSet globalNotNullIn globalNotNullInIgnoreSet globalNullIn
  globalNullInIgnoreSet greater greaterOrEquals in inIgnoreSet isDistinctFrom isNotDistinctFrom less lessOrEquals notEquals notIn
  notInIgnoreSet notNullIn notNullInIgnoreSet nullIn nullInIgnoreSet
  caseWithExpr caseWithExpression caseWithoutExpr caseWithoutExpression clamp greatest if least multiIf
  DATE_DIFF DATE_FORMAT DATE_TRUNC DAY DAYOFMONTH DAYOFWEEK DAYOFYEAR FROM_DAYS FROM_UNIXTIME HOUR LAST_DAY MICROSECOND MILLISECOND
  MINUTE MONTH NANOSECOND QUARTER SECOND TIMESTAMP_DIFF TO_DAYS UTCTimestamp UTC_timestamp YEAR YYYYMMDDToDate YYYYMMDDToDate32
  YYYYMMDDhhmmssToDateTime YYYYMMDDhhmmssToDateTime64 addDate addDays addHours addInterval addMicroseconds addMilliseconds addMinutes
  addMonths addNanoseconds addQuarters addSeconds addTupleOfIntervals addWeeks addYears age changeDay changeHour changeMinute
  changeMonth changeSecond changeYear curdate current_date current_timestamp dateDiff dateName dateTrunc date_bin date_diff
  formatDateTime formatDateTimeInJodaSyntax fromDaysSinceYearZero fromDaysSinceYearZero32 fromModifiedJulianDay
  fromModifiedJulianDayOrNull fromUTCTimestamp fromUnixTimestamp fromUnixTimestampInJodaSyntax from_utc_timestamp localtime
  localtimestamp makeDate makeDate32 makeDateTime makeDateTime64 monthName now now64 nowInBlock nowInBlock64 serverTimeZone
  serverTimezone subDate subtractDays subtractHours subtractInterval subtractMicroseconds subtractMilliseconds subtractMinutes
  subtractMonths subtractNanoseconds subtractQuarters subtractSeconds subtractTupleOfIntervals subtractWeeks subtractYears timeDiff
  timeSlot timeSlots timeZone timeZoneOf timeZoneOffset time_bucket timestamp timestampDiff timestamp_diff timezone timezoneOf
  timezoneOffset toDayOfMonth toDayOfWeek toDayOfYear toDaysInMonth toDaysSinceYearZero toHour toISOWeek toISOYear toLastDayOfMonth
  toLastDayOfWeek toMicrosecond toMillisecond toMinute toModifiedJulianDay toModifiedJulianDayOrNull toMonday toMonth
  toMonthNumSinceEpoch toNanosecond toQuarter toRelativeDayNum toRelativeHourNum toRelativeMinuteNum toRelativeMonthNum
  toRelativeQuarterNum toRelativeSecondNum toRelativeWeekNum toRelativeYearNum toSecond toStartOfDay toStartOfFifteenMinutes
  toStartOfFiveMinute toStartOfFiveMinutes toStartOfHour toStartOfISOYear toStartOfInterval toStartOfMicrosecond toStartOfMillisecond
  toStartOfMinute toStartOfMonth toStartOfNanosecond toStartOfQuarter toStartOfSecond toStartOfTenMinutes toStartOfWeek toStartOfYear
  toTimeWithFixedDate toTimeZone toTimezone toUTCTimestamp toUnixTimestamp toWeek toYYYYMM toYYYYMMDD toYYYYMMDDhhmmss toYear
  toYearNumSinceEpoch toYearWeek to_utc_timestamp today week yearweek yesterday
  L1Distance L1Norm L1Normalize L2Distance L2DistanceTransposed L2DistanceTransposedQuantized L2Norm L2Normalize L2SquaredDistance
  L2SquaredNorm LinfDistance LinfNorm LinfNormalize LpDistance LpNorm LpNormalize cosineDistance cosineDistanceTransposed
  cosineDistanceTransposedQuantized distanceCosine distanceCosineTransposed distanceL1 distanceL2 distanceL2Squared distanceL2Transposed
  distanceLinf distanceLp dotProductTransposed dotProductTransposedQuantized normL1 normL2 normL2Squared normLinf normLp normalizeL1
  normalizeL2 normalizeLinf normalizeLp scalarProductTransposed
  bin bitPositionsToArray bitmaskToArray bitmaskToList char hex hilbertDecode hilbertEncode mortonDecode mortonEncode sqid sqidDecode
  sqidEncode unbin unhex
  financialNetPresentValue financialNetPresentValueExtended
  MD4 MD5 RIPEMD160 SHA1 SHA224 SHA256 SHA384 SHA512 SHA512_256 URLHash cityHash64 farmFingerprint64 farmHash64 gccMurmurHash halfMD5
  hiveHash intHash32 intHash64 javaHash javaHashUTF16LE jumpConsistentHash kafkaMurmurHash keccak256 kostikConsistentHash metroHash64
  murmurHash2_32 murmurHash2_64 murmurHash3_128 murmurHash3_32 murmurHash3_64 ngramMinHash ngramMinHashArg
  ngramMinHashArgCaseInsensitive ngramMinHashArgCaseInsensitiveUTF8 ngramMinHashArgUTF8 ngramMinHashCaseInsensitive
  ngramMinHashCaseInsensitiveUTF8 ngramMinHashUTF8 ngramSimHash ngramSimHashCaseInsensitive ngramSimHashCaseInsensitiveUTF8
  ngramSimHashUTF8 sipHash128 sipHash128Keyed sipHash128Reference sipHash128ReferenceKeyed sipHash64 sipHash64Keyed wordShingleMinHash
  wordShingleMinHashArg wordShingleMinHashArgCaseInsensitive wordShingleMinHashArgCaseInsensitiveUTF8 wordShingleMinHashArgUTF8
  wordShingleMinHashCaseInsensitive wordShingleMinHashCaseInsensitiveUTF8 wordShingleMinHashUTF8 wordShingleSimHash
  wordShingleSimHashCaseInsensitive wordShingleSimHashCaseInsensitiveUTF8 wordShingleSimHashUTF8 wyHash64 xxHash32 xxHash64
  xxHash64Spark xxh3 xxh3_128 yandexConsistentHash
  INET6_ATON INET6_NTOA INET_ATON INET_NTOA IPv4CIDRToRange IPv4NumToString IPv4NumToStringClassC IPv4StringToNum
  IPv4StringToNumOrDefault IPv4StringToNumOrNull IPv4ToIPv6 IPv6CIDRToRange IPv6NumToString IPv6StringToNum IPv6StringToNumOrDefault
  IPv6StringToNumOrNull cutIPv6 isIPAddressInRange isIPv4String isIPv6String toIPv4 toIPv4OrDefault toIPv4OrNull toIPv4OrZero toIPv6
  toIPv6OrDefault toIPv6OrNull toIPv6OrZero
  JSONAllPaths JSONAllPathsWithTypes JSONAllValues JSONArrayLength JSONDynamicPaths JSONDynamicPathsWithTypes JSONExtract
  JSONExtractArrayRaw JSONExtractArrayRawCaseInsensitive JSONExtractBool JSONExtractBoolCaseInsensitive JSONExtractCaseInsensitive
  JSONExtractFloat JSONExtractFloatCaseInsensitive JSONExtractInt JSONExtractIntCaseInsensitive JSONExtractKeys JSONExtractKeysAndValues
  JSONExtractKeysAndValuesCaseInsensitive JSONExtractKeysAndValuesRaw JSONExtractKeysAndValuesRawCaseInsensitive
  JSONExtractKeysCaseInsensitive JSONExtractRaw JSONExtractRawCaseInsensitive JSONExtractString JSONExtractStringCaseInsensitive
  JSONExtractUInt JSONExtractUIntCaseInsensitive JSONHas JSONKey JSONLength JSONSharedDataPaths
  JSONSharedDataPathsWithTypes JSONType JSON_ARRAY_LENGTH dynamicElement dynamicType
  isDynamicElementInSharedData isValidJSON prettyPrintJSON simpleJSONExtractBool simpleJSONExtractFloat
  simpleJSONExtractInt simpleJSONExtractRaw simpleJSONExtractString simpleJSONExtractUInt simpleJSONHas toJSONString
  visitParamExtractBool visitParamExtractFloat visitParamExtractInt visitParamExtractRaw visitParamExtractString visitParamExtractUInt
  visitParamHas
  and not or xor
  MAP_FROM_ARRAYS extractKeyValuePairs extractKeyValuePairsWithEscaping map mapAdd mapAll mapApply mapConcat mapContains mapContainsKey
  mapContainsKeyLike mapContainsValue mapContainsValueLike mapExists mapExtractKeyLike mapExtractValueLike mapFilter mapFromArrays
  mapFromString mapKeys mapPartialReverseSort mapPartialSort mapPopulateSeries mapReverseSort mapSort mapSubtract mapUpdate mapValues
  str_to_map
  acos acosh asin asinh atan atan2 atanh cbrt cos cosh degrees e erf erfc exp exp10 exp2 hypot intExp10 intExp2 isPrime lgamma ln log
  log10 log1p log2 pi pow power proportionsZTest radians sigmoid sign sin sinh sqrt tan tanh tgamma widthBucket width_bucket
  assumeNotNull coalesce firstNonDefault ifNull isNotNull isNull isNullable isZeroOrNull nullIf toNullable
  rand rand32 rand64 randBernoulli randBinomial randCanonical randChiSquared randConstant randExponential randFisherF randLogNormal
  randNegativeBinomial randNormal randPoisson randStudentT randUniform
  ceil ceiling floor round roundAge roundBankers roundDown roundDuration roundToExp2 trunc truncate
  CHARACTER_LENGTH CHAR_LENGTH CRC32 CRC32IEEE CRC64 FROM_BASE64 NATURAL_SORT_KEY REGEXP_EXTRACT REGEXP_SUBSTR SUBSTRING_INDEX TO_BASE64
  appendTrailingCharIfAbsent ascii base32Decode base32Encode base64Decode base64Encode base64URLDecode base64URLEncode basename
  byteHammingDistance byteSlice caseFoldUTF8 concat concatAssumeInjective concatWithSeparator concatWithSeparatorAssumeInjective
  concat_ws decodeHTMLComponent decodeXMLComponent encodeXMLComponent endsWith endsWithCaseInsensitive endsWithCaseInsensitiveUTF8
  endsWithUTF8 firstLine initcap initcapUTF8 isASCII isValidASCII isValidUTF8 lcase left leftUTF8 lengthUTF8 lower lowerUTF8 ltrim mid
  mismatches naturalSortKey
  regexpExtract regexpInstr regexpPosition regexp_instr reverseUTF8 right rightUTF8 rtrim soundex
  startsWith startsWithCaseInsensitive startsWithCaseInsensitiveUTF8 startsWithUTF8 stringBytesEntropy stringBytesUniq substr substring
  substringIndex substringIndexUTF8 substringUTF8 toValidUTF8 trim trimBoth trimLeft trimRight tryBase32Decode tryBase64Decode
  tryBase64URLDecode ucase upper upperUTF8
  REGEXP_REPLACE format overlay overlayUTF8 regexpQuoteMeta replace replaceAll replaceOne replaceRegexpAll replaceRegexpOne
  translate translateUTF8
  REGEXP_MATCHES countSubstrings countSubstringsCaseInsensitive
  countSubstringsCaseInsensitiveUTF8 extract extractAll extractAllGroupsHorizontal extractGroups hasAllToken hasAllTokens hasAnyToken
  hasAnyTokens hasPhrase hasSubsequence hasSubsequenceCaseInsensitive hasSubsequenceCaseInsensitiveUTF8 hasSubsequenceUTF8 hasToken
  hasTokenCaseInsensitive hasTokenCaseInsensitiveOrNull hasTokenOrNull ilike instr like locate match matchPhrase multiSearchAllPositions
  multiSearchAllPositionsCaseInsensitive multiSearchAllPositionsCaseInsensitiveUTF8 multiSearchAllPositionsUTF8 multiSearchAny
  multiSearchAnyCaseInsensitive multiSearchAnyCaseInsensitiveUTF8 multiSearchAnyUTF8 multiSearchFirstIndex
  multiSearchFirstIndexCaseInsensitive multiSearchFirstIndexCaseInsensitiveUTF8 multiSearchFirstIndexUTF8 multiSearchFirstPosition
  multiSearchFirstPositionCaseInsensitive multiSearchFirstPositionCaseInsensitiveUTF8 multiSearchFirstPositionUTF8 ngramDistance
  ngramDistanceCaseInsensitive ngramDistanceCaseInsensitiveUTF8 ngramDistanceUTF8 ngramSearch ngramSearchCaseInsensitive
  ngramSearchCaseInsensitiveUTF8 ngramSearchUTF8 notILike notLike position positionCaseInsensitive positionCaseInsensitiveUTF8
  positionUTF8
  alphaTokens arrayStringConcat array_to_string extractAllGroups extractAllGroupsVertical ngrams reverseBySeparator splitByAlpha
  splitByChar splitByNonAlpha splitByString splitByWhitespace
  hop hopEnd hopStart tumble tumbleEnd tumbleStart windowID
  dotProduct flattenTuple scalarProduct tuple tupleConcat tupleDivide tupleDivideByNumber tupleElement tupleHammingDistance tupleIntDiv
  tupleIntDivByNumber tupleIntDivOrZero tupleIntDivOrZeroByNumber tupleMinus tupleModulo tupleModuloByNumber tupleMultiply
  tupleMultiplyByNumber tupleNames tupleNegate tuplePlus tuplePositiveModuloByNumber tupleToNameValuePairs vectorDifference vectorSum
  CAST DATE TO_UNIXTIME accurateCast accurateCastOrDefault accurateCastOrNull fromUnixTimestamp64Micro fromUnixTimestamp64Milli
  fromUnixTimestamp64Nano fromUnixTimestamp64Second parseDateTime parseDateTime32BestEffort parseDateTime32BestEffortOrNull
  parseDateTime32BestEffortOrZero parseDateTime64 parseDateTime64BestEffort parseDateTime64BestEffortOrNull
  parseDateTime64BestEffortOrZero parseDateTime64BestEffortUS parseDateTime64BestEffortUSOrNull parseDateTime64BestEffortUSOrZero
  parseDateTime64InJodaSyntax parseDateTime64InJodaSyntaxOrNull parseDateTime64InJodaSyntaxOrZero parseDateTime64OrNull
  parseDateTime64OrZero parseDateTimeBestEffort parseDateTimeBestEffortOrNull parseDateTimeBestEffortOrZero parseDateTimeBestEffortUS
  parseDateTimeBestEffortUSOrNull parseDateTimeBestEffortUSOrZero parseDateTimeInJodaSyntax parseDateTimeInJodaSyntaxOrNull
  parseDateTimeInJodaSyntaxOrZero parseDateTimeOrNull parseDateTimeOrZero reinterpret reinterpretAsDate reinterpretAsDateTime
  reinterpretAsFixedString reinterpretAsFloat32 reinterpretAsFloat64 reinterpretAsInt128 reinterpretAsInt16 reinterpretAsInt256
  reinterpretAsInt32 reinterpretAsInt64 reinterpretAsInt8 reinterpretAsString reinterpretAsUInt128 reinterpretAsUInt16
  reinterpretAsUInt256 reinterpretAsUInt32 reinterpretAsUInt64 reinterpretAsUInt8 reinterpretAsUUID str_to_date toBFloat16
  toBFloat16OrNull toBFloat16OrZero toBool toDate toDate32 toDate32OrDefault toDate32OrNull toDate32OrZero toDateOrDefault toDateOrNull
  toDateOrZero toDateTime toDateTime32 toDateTime64 toDateTime64OrDefault toDateTime64OrNull toDateTime64OrZero toDateTimeOrDefault
  toDateTimeOrNull toDateTimeOrZero toDecimal128 toDecimal128OrDefault toDecimal128OrNull toDecimal128OrZero toDecimal256
  toDecimal256OrDefault toDecimal256OrNull toDecimal256OrZero toDecimal32 toDecimal32OrDefault toDecimal32OrNull toDecimal32OrZero
  toDecimal64 toDecimal64OrDefault toDecimal64OrNull toDecimal64OrZero toDecimalString toFixedString toFloat32 toFloat32OrDefault
  toFloat32OrNull toFloat32OrZero toFloat64 toFloat64OrDefault toFloat64OrNull toFloat64OrZero toInt128 toInt128OrDefault toInt128OrNull
  toInt128OrZero toInt16 toInt16OrDefault toInt16OrNull toInt16OrZero toInt256 toInt256OrDefault toInt256OrNull toInt256OrZero toInt32
  toInt32OrDefault toInt32OrNull toInt32OrZero toInt64 toInt64OrDefault toInt64OrNull toInt64OrZero toInt8 toInt8OrDefault toInt8OrNull
  toInt8OrZero toInterval toIntervalDay toIntervalHour toIntervalMicrosecond toIntervalMillisecond toIntervalMinute toIntervalMonth
  toIntervalNanosecond toIntervalQuarter toIntervalSecond toIntervalWeek toIntervalYear toLowCardinality toString toStringCutToZero
  toTime toTime64 toTime64OrNull toTime64OrZero toTimeOrNull toTimeOrZero toUInt128 toUInt128OrDefault toUInt128OrNull toUInt128OrZero
  toUInt16 toUInt16OrDefault toUInt16OrNull toUInt16OrZero toUInt256 toUInt256OrDefault toUInt256OrNull toUInt256OrZero toUInt32
  toUInt32OrDefault toUInt32OrNull toUInt32OrZero toUInt64 toUInt64OrDefault toUInt64OrNull toUInt64OrZero toUInt8 toUInt8OrDefault
  toUInt8OrNull toUInt8OrZero toUUID toUUIDOrZero toUnixTimestamp64Micro toUnixTimestamp64Milli toUnixTimestamp64Nano
  toUnixTimestamp64Second
  cutFragment cutQueryString cutQueryStringAndFragment cutToFirstSignificantSubdomain
  cutToFirstSignificantSubdomainCustom cutToFirstSignificantSubdomainCustomRFC cutToFirstSignificantSubdomainCustomWithWWW
  cutToFirstSignificantSubdomainCustomWithWWWRFC cutToFirstSignificantSubdomainRFC cutToFirstSignificantSubdomainWithWWW
  cutToFirstSignificantSubdomainWithWWWRFC cutWWW decodeURLComponent decodeURLFormComponent domain domainRFC
  domainWithoutWWW domainWithoutWWWRFC encodeURLComponent encodeURLFormComponent extractURLParameter extractURLParameterNames
  extractURLParameters firstSignificantSubdomain firstSignificantSubdomainCustom firstSignificantSubdomainCustomRFC
  firstSignificantSubdomainRFC fragment netloc path pathFull port portRFC protocol queryString queryStringAndFragment topLevelDomain
  topLevelDomainRFC
  UUIDNumToString UUIDStringToNum UUIDToNum UUIDv7ToDateTime dateTime64ToSnowflakeID dateTimeToSnowflakeID dateTimeToUUIDv7
  generateUUIDv4 generateUUIDv7 snowflakeIDToDateTime snowflakeIDToDateTime64 toUUIDOrDefault toUUIDOrNull
  DATABASE FORMAT_BYTES SCHEMA bar blockNumber byteSize countDigits currentDatabase currentUser current_database current_user
  defaultValueOfTypeName finalizeAggregation formatReadableDecimalSize formatReadableQuantity formatReadableSize
  formatReadableTimeDelta identity ignore indexHint isConstant materialize neighbor parseReadableSize parseReadableSizeOrNull
  parseReadableSizeOrZero parseTimeDelta revision rowNumberInAllBlocks rowNumberInBlock runningAccumulate runningDifference session_user
  toColumnTypeName toTypeName transform uptime user version visibleWidth
  exists getSubcolumn grouping untuple _CAST nested lambda
`);

/** Those that are named by a text, such as `arrayReduce('sum', …)`, whose text is held against {@link AGGREGATE_FUNCTIONS}. */
export const NAMED_BY_TEXT: ReadonlySet<string> = names('arrayReduce');

/** The same position of an argument for several functions. */
const at = (position: number, text: string): [string, number][] => [...names(text)].map((name) => [name, position]);

/**
 * Positions of arguments that are looked for in others: in one long text it takes the product of both lengths to find one, or not to, and no
 * limit of time is heeded meanwhile.
 */
export const WRITTEN_OUT: ReadonlyMap<string, number> = new Map([
  ...at(
    1,
    `
  match REGEXP_MATCHES extract extractAll extractAllGroups extractAllGroupsHorizontal extractAllGroupsVertical extractGroups
  regexpExtract REGEXP_EXTRACT REGEXP_SUBSTR regexpPosition regexpInstr regexp_instr replaceRegexpAll
  REGEXP_REPLACE replaceRegexpOne replaceAll replaceOne replace ilike notILike like notLike position positionCaseInsensitive
  positionCaseInsensitiveUTF8 positionUTF8 instr countSubstrings countSubstringsCaseInsensitive countSubstringsCaseInsensitiveUTF8
  multiSearchAllPositions multiSearchAllPositionsCaseInsensitive multiSearchAllPositionsCaseInsensitiveUTF8 multiSearchAllPositionsUTF8
  multiSearchAny multiSearchAnyCaseInsensitive multiSearchAnyCaseInsensitiveUTF8 multiSearchAnyUTF8 multiSearchFirstIndex
  multiSearchFirstIndexCaseInsensitive multiSearchFirstIndexCaseInsensitiveUTF8 multiSearchFirstIndexUTF8 multiSearchFirstPosition
  multiSearchFirstPositionCaseInsensitive multiSearchFirstPositionCaseInsensitiveUTF8 multiSearchFirstPositionUTF8 hasToken hasTokenOrNull
  hasTokenCaseInsensitive hasTokenCaseInsensitiveOrNull ngramDistance ngramDistanceCaseInsensitive ngramDistanceCaseInsensitiveUTF8
  ngramDistanceUTF8 ngramSearch ngramSearchCaseInsensitive ngramSearchCaseInsensitiveUTF8 ngramSearchUTF8 hasAll hasAny hasSubstr
  hasAllTokens hasAnyTokens hasAllToken hasAnyToken hasPhrase matchPhrase hasSubsequence hasSubsequenceCaseInsensitive
  hasSubsequenceCaseInsensitiveUTF8 hasSubsequenceUTF8 substringIndex SUBSTRING_INDEX substringIndexUTF8
  mapContainsKeyLike mapContainsValueLike mapExtractKeyLike mapExtractValueLike
`,
  ),
  ...at(0, 'splitByString splitByChar locate'),
]);

/** Positions of types that are written as texts; -1 is the last argument. */
export const TYPED: ReadonlyMap<string, number> = new Map([
  ...at(0, 'defaultValueOfTypeName'),
  ...at(1, 'CAST _CAST accurateCast accurateCastOrDefault accurateCastOrNull reinterpret dynamicElement'),
  ...at(-1, 'JSONExtract JSONExtractCaseInsensitive JSONExtractKeysAndValues JSONExtractKeysAndValuesCaseInsensitive'),
]);

/** Positions of arguments that say how long a list becomes. */
export const LENGTHS: ReadonlyMap<string, number> = new Map([...at(0, 'arrayWithConstant'), ...at(1, 'arrayResize')]);

/** Those whose second argument may be the name of a table. */
export const IN_FUNCTIONS: ReadonlySet<string> = names(`
  in notIn globalIn globalNotIn nullIn notNullIn globalNullIn globalNotNullIn inIgnoreSet notInIgnoreSet globalInIgnoreSet
  globalNotInIgnoreSet nullInIgnoreSet notNullInIgnoreSet globalNullInIgnoreSet globalNotNullInIgnoreSet
`);

/** Table functions that take names and types of columns as a text. */
export const WITH_COLUMNS: ReadonlySet<string> = names('values SQLStandardValues');

/** Sources of rows that are made, not read. */
export const TABLE_FUNCTIONS: ReadonlySet<string> = names('numbers numbers_mt generate_series generateSeries values SQLStandardValues');
