"""The matrix: what everybody gets at every address, by every method that it serves.

Written down from who may do what (the table of roles, the user guide), and never computed. A row is the address's
name, the method, the scope that a token needs, and a status for each column:

U I R D E P A M  uploader, intake reviewer, radiologist, adjudicator (D decides), engineer, approver, auditor and
                 administrator of the house
S                a superuser who is a member nowhere
X                every role but the readers', in another collection
Y                radiologist and adjudicator, in another collection
-                nobody signed in, or somebody deactivated; 302 leads to the sign-in

404 means: answered like something that does not exist. What is let in and then refused for what is sent, or for the
state of the house (a conflict, a document that is not the newest), has that status: 400, 409, 412, 422.
The objects are the house's: a study that is final, a radiologist who reads it, a run on its labels.
"""

PAGES = """
#                                             U   I   R   D   E   P   A   M   S   X   Y   -
home                            GET  -        200 200 200 200 200 200 200 200 200 200 200 302
healthz                         GET  -        200 200 200 200 200 200 200 200 200 200 200 200
login                           GET  -        200 200 200 200 200 200 200 200 200 200 200 200
login                           POST -        200 200 200 200 200 200 200 200 200 200 200 200
logout                          POST -        302 302 302 302 302 302 302 302 302 302 302 302
account                         GET  -        200 200 200 200 200 200 200 200 200 200 200 302
token-make                      POST -        200 200 200 200 200 200 200 200 200 200 200 302
token-revoke                    POST -        302 302 302 302 302 302 302 302 302 302 302 302
password                        GET  -        200 200 200 200 200 200 200 200 200 200 200 302
password                        POST -        200 200 200 200 200 200 200 200 200 200 200 302
collection                      GET  -        200 200 200 200 200 200 200 200 200 404 404 302
upload                          GET  -        200 403 403 403 403 403 403 200 200 404 404 302
upload                          POST -        302 403 403 403 403 403 403 302 302 404 404 302
not-assessable                  GET  -        200 200 403 403 200 200 200 200 200 404 404 302
predictions-download            GET  -        200 200 403 403 200 200 200 200 200 404 404 302
collection-version              GET  -        403 403 403 403 200 200 200 200 200 404 404 302
collection-version              POST -        403 403 403 403 403 302 403 302 302 404 404 302
study                           GET  -        200 200 200 200 200 200 200 200 200 404 404 302
study-status                    GET  -        200 200 200 200 200 200 200 200 200 404 404 302
study-word                      GET  -        200 200 200 200 200 200 200 200 200 404 404 302
study-compare                   GET  -        403 403 403 403 200 200 403 200 200 404 404 302
study-compare-status            GET  -        403 403 403 403 200 200 403 200 200 404 404 302
study-ask                       POST -        403 403 403 403 302 403 403 302 302 404 404 302
study-purge                     POST -        403 403 403 403 403 403 403 302 302 404 404 302
image-pixels                    GET  -        200 200 200 200 200 200 200 200 200 404 404 302
#                                             U   I   R   D   E   P   A   M   S   X   Y   -
image-hide                      POST -        302 302 302 302 302 403 403 302 302 404 404 302
prediction-retry                POST -        404 404 404 404 302 403 404 302 302 404 404 302
versions                        GET  -        403 403 403 403 200 200 200 200 200 200 403 302
in-force                        GET  -        403 403 403 403 200 200 200 200 200 200 403 302
roll-back                       GET  -        403 403 403 403 200 200 403 200 200 200 403 302
roll-back                       POST -        403 403 403 403 409 409 403 409 409 409 403 302
version                         GET  -        403 403 403 403 200 200 200 200 200 200 403 302
version-propose                 GET  -        403 403 403 403 200 403 403 200 200 200 403 302
version-propose                 POST -        403 403 403 403 409 403 403 409 409 409 403 302
version-judge                   POST -        403 403 403 403 302 302 403 302 302 302 403 302
gate-rules                      GET  -        403 403 403 403 200 200 200 200 200 200 403 302
gate-rules                      POST -        403 403 403 403 403 400 403 400 400 400 403 302
gate-rule                       GET  -        403 403 403 403 200 200 200 200 200 200 403 302
gate-decision                   GET  -        403 403 403 403 200 200 200 200 200 200 403 302
proposal                        GET  -        403 403 403 403 200 200 200 200 200 200 403 302
proposal-approve                POST -        403 403 403 403 403 409 403 409 409 409 403 302
proposal-decline                POST -        403 403 403 403 302 302 403 302 302 302 403 302
worklist                        GET  -        403 403 200 403 403 403 403 403 403 404 404 302
read-next                       GET  -        403 403 302 403 403 403 403 403 403 404 404 302
read-next                       POST -        403 403 302 403 403 403 403 403 403 404 404 302
read-image                      GET  -        403 403 302 403 403 403 403 403 403 404 404 302
read-image                      POST -        403 403 302 403 403 403 403 403 403 404 404 302
reading                         GET  -        404 404 200 404 404 404 404 404 404 404 404 302
reading-ahead                   GET  -        404 404 200 404 404 404 404 404 404 404 404 302
reading-first-read              GET  -        404 404 302 404 404 404 404 404 404 404 404 302
#                                             U   I   R   D   E   P   A   M   S   X   Y   -
reading-first-read              POST -        404 404 302 404 404 404 404 404 404 404 404 302
reading-reveal                  GET  -        404 404 302 404 404 404 404 404 404 404 404 302
reading-reveal                  POST -        404 404 302 404 404 404 404 404 404 404 404 302
reading-verdict                 GET  -        404 404 302 404 404 404 404 404 404 404 404 302
reading-verdict                 POST -        404 404 302 404 404 404 404 404 404 404 404 302
reading-undo                    GET  -        404 404 302 404 404 404 404 404 404 404 404 302
reading-undo                    POST -        404 404 302 404 404 404 404 404 404 404 404 302
reading-amend                   GET  -        404 404 302 404 404 404 404 404 404 404 404 302
reading-amend                   POST -        404 404 302 404 404 404 404 404 404 404 404 302
reading-withdraw                GET  -        404 404 302 404 404 404 404 404 404 404 404 302
reading-withdraw                POST -        404 404 302 404 404 404 404 404 404 404 404 302
reading-draft                   POST -        404 404 204 404 404 404 404 404 404 404 404 302
reading-identity                GET  -        404 404 302 404 404 404 404 404 404 404 404 302
reading-identity                POST -        404 404 302 404 404 404 404 404 404 404 404 302
labels                          GET  -        403 403 403 403 200 200 200 200 200 404 404 302
labels-download                 GET  -        403 403 403 403 200 200 200 200 200 404 404 302
label-sets                      GET  -        403 403 403 403 200 200 200 200 200 404 404 302
label-set-freeze                GET  -        403 403 403 403 200 403 403 200 200 404 404 302
label-set-freeze                POST -        403 403 403 403 412 403 403 412 412 404 404 302
eligibility                     GET  -        403 403 403 403 200 403 403 200 200 404 404 302
eligibility                     POST -        403 403 403 403 412 403 403 412 412 404 404 302
label-set                       GET  -        404 404 404 404 200 200 200 200 200 404 404 302
label-set-entries-download      GET  -        404 404 404 404 200 200 200 200 200 404 404 302
label-set-compare               GET  -        404 404 404 404 200 200 200 200 200 404 404 302
import-labels                   GET  -        403 403 403 403 200 403 403 200 200 404 404 302
#                                             U   I   R   D   E   P   A   M   S   X   Y   -
import-labels                   POST -        403 403 403 403 200 403 403 200 200 404 404 302
label-errors                    GET  -        404 404 404 404 200 200 200 200 200 404 404 302
label-errors                    POST -        404 404 404 404 302 403 403 302 302 404 404 302
label-errors-live               GET  -        404 404 404 404 200 200 200 200 200 404 404 302
label-errors-send               POST -        404 404 404 404 302 403 403 302 302 404 404 302
label-set-export                GET  -        404 404 404 404 200 200 200 200 200 404 404 302
label-set-compare-download      GET  -        404 404 404 404 200 200 200 200 200 404 404 302
disagreements                   GET  -        403 403 403 200 403 403 403 403 403 404 404 302
disagreement                    GET  -        403 403 403 200 403 403 403 403 403 404 404 302
disagreement                    POST -        403 403 403 302 403 403 403 403 403 404 404 302
protocol                        GET  -        403 403 403 403 403 403 403 200 200 404 404 302
protocol                        POST -        403 403 403 403 403 403 403 412 412 404 404 302
known-cases                     GET  -        403 403 403 403 403 403 403 200 200 404 404 302
known-cases                     POST -        403 403 403 403 403 403 403 302 302 404 404 302
known-case-take-back            POST -        403 403 403 403 403 403 403 302 302 404 404 302
figures                         GET  -        403 403 200 200 200 200 200 200 200 404 404 302
own-figures                     GET  -        403 403 200 403 403 403 403 403 403 404 404 302
figures-compute                 POST -        403 403 403 403 302 302 403 302 302 404 404 302
figures-download                GET  -        403 403 200 200 200 200 200 200 200 404 404 302
own-figures-download            GET  -        403 403 200 403 403 403 403 403 403 404 404 302
shadows                         GET  -        403 403 403 403 200 200 200 200 200 404 404 302
shadows                         POST -        403 403 403 403 409 403 403 409 409 404 404 302
shadow-end                      POST -        403 403 403 403 302 403 403 302 302 404 404 302
rescores                        GET  -        403 403 403 403 200 200 200 200 200 404 404 302
rescores                        POST -        403 403 403 403 409 403 403 409 409 404 404 302
#                                             U   I   R   D   E   P   A   M   S   X   Y   -
rescores-live                   GET  -        403 403 403 403 200 200 200 200 200 404 404 302
rescore-pause                   POST -        403 403 403 403 302 403 403 302 302 404 404 302
rescore-resume                  POST -        403 403 403 403 409 403 403 409 409 404 404 302
rescore-cancel                  POST -        403 403 403 403 302 403 403 302 302 404 404 302
label-set-retrain               GET  -        404 404 404 404 200 403 403 200 200 404 404 302
label-set-retrain               POST -        404 404 404 404 409 403 403 409 409 404 404 302
retraining-plan                 GET  -        403 403 403 403 200 403 403 200 200 404 404 302
retraining-plan                 POST -        403 403 403 403 302 403 403 302 302 404 404 302
image-trace                     GET  -        403 403 403 403 200 200 200 200 200 404 404 302
training-runs                   GET  -        403 403 403 403 200 200 200 200 200 200 403 302
training-run                    GET  -        403 403 403 403 200 200 200 200 200 200 403 302
training-run-live               GET  -        403 403 403 403 200 200 200 200 200 200 403 302
training-run-cancel             GET  -        403 403 403 403 200 403 403 200 200 404 403 302
training-run-cancel             POST -        403 403 403 403 302 403 403 302 302 404 403 302
training-run-curve              POST -        403 403 403 403 302 403 403 302 302 404 403 302
training-run-trace              GET  -        403 403 403 403 200 200 200 200 200 403 403 302
training-run-trace-download     GET  -        403 403 403 403 200 200 200 200 200 403 403 302
schema                          GET  -        200 200 200 200 200 200 200 200 200 200 200 200
api-docs                        GET  -        200 200 200 200 200 200 200 200 200 200 200 200
#                                             U   I   R   D   E   P   A   M   S   X   Y   -
study-receipt                   GET  -        200 200 200 200 200 200 200 200 200 404 404 302
webhooks                        GET  -        200 200 200 200 200 200 200 200 200 200 200 302
webhooks                        POST -        200 200 200 200 200 200 200 200 200 400 400 302
webhook                         GET  -        404 404 404 404 200 404 404 404 404 404 404 302
webhook-pause                   POST -        404 404 404 404 302 404 404 404 404 404 404 302
webhook-resume                  POST -        404 404 404 404 302 404 404 404 404 404 404 302
webhook-rotate                  POST -        404 404 404 404 200 404 404 404 404 404 404 302
webhook-test                    POST -        404 404 404 404 302 404 404 404 404 404 404 302
webhook-delete                  POST -        404 404 404 404 302 404 404 404 404 404 404 302
webhook-redeliver               POST -        404 404 404 404 409 404 404 404 404 404 404 302
#                                             U   I   R   D   E   P   A   M   S   X   Y   -
quarantine                      GET  -        403 200 403 403 403 403 403 200 200 404 404 302
quarantined                     GET  -        404 200 404 404 404 404 404 200 200 404 404 302
quarantined-pixels              GET  -        404 200 404 404 404 404 404 200 200 404 404 302
quarantined-mask                POST -        404 302 404 404 404 404 404 302 302 404 404 302
quarantined-release             POST -        404 302 404 404 404 404 404 302 302 404 404 302
quarantined-reject              POST -        404 302 404 404 404 404 404 302 302 404 404 302
archives                        GET  -        200 403 403 403 403 403 403 200 200 404 404 302
archives                        POST -        400 403 403 403 403 403 403 400 400 404 404 302
archive                         GET  -        200 404 404 404 404 404 404 404 404 404 404 302
archive-live                    GET  -        200 404 404 404 404 404 404 404 404 404 404 302
archive-store                   POST -        409 404 404 404 404 404 404 404 404 404 404 302
archive-cancel                  POST -        302 404 404 404 404 404 404 404 404 404 404 302
image-dicom                     GET  -        200 200 200 200 200 200 200 200 200 404 404 302
image-report                    GET  -        200 200 403 403 200 200 200 200 200 404 404 302
image-saliency                  GET  -        200 200 403 403 200 200 200 200 200 404 404 302
study-report                    GET  -        200 200 403 403 200 200 200 200 200 404 404 302
study-results                   GET  -        200 200 403 403 200 200 200 200 200 404 404 302
"""

API = """
#                                             U   I   R   D   E   P   A   M   S   X   Y   -
api-tokens                      GET  read     200 200 200 200 200 200 200 200 200 200 200 401
api-tokens                      POST manage   400 400 400 400 400 400 400 400 400 400 400 401
api-token-revoke                POST manage   404 404 404 404 404 404 404 404 404 404 404 401
api-members                     GET  read     403 403 403 403 403 403 403 200 200 404 404 401
api-members                     POST manage   403 403 403 403 403 403 403 201 201 404 404 401
api-member-revoke               POST manage   403 403 403 403 403 403 403 204 204 404 404 401
api-collections                 GET  read     200 200 200 200 200 200 200 200 200 200 200 401
api-collections                 POST manage   403 403 403 403 403 403 403 403 201 403 403 401
api-collection-version          GET  read     403 403 403 403 200 200 200 200 200 404 404 401
api-collection-version          PUT  promote  403 403 403 403 403 412 403 412 412 404 404 401
api-studies                     GET  read     200 200 200 200 200 200 200 200 200 200 200 401
api-studies                     POST upload   202 403 403 403 403 403 403 202 202 404 404 401
api-study                       GET  read     200 200 200 200 200 200 200 200 200 404 404 401
api-study-purge                 POST manage   403 403 403 403 403 403 403 200 200 404 404 401
api-image                       GET  read     200 200 200 200 200 200 200 200 200 404 404 401
api-image-pixels                GET  read     200 200 200 200 200 200 200 200 200 404 404 401
api-image-hide                  POST upload   200 200 200 200 200 403 403 200 200 404 404 401
api-predictions                 GET  read     200 200 200 200 200 200 200 200 200 200 200 401
api-predictions                 POST train    403 403 403 403 200 403 403 200 200 404 404 401
api-prediction                  GET  read     200 200 404 404 200 200 200 200 200 404 404 401
api-prediction-retry            POST train    404 404 404 404 202 403 404 202 202 404 404 401
api-model-versions              GET  read     403 403 403 403 200 200 200 200 200 200 403 401
api-model-version-in-force      GET  read     403 403 403 403 200 200 200 200 200 200 403 401
api-roll-back                   POST promote  403 403 403 403 200 200 403 200 200 200 403 401
api-version-proposals           POST train    403 403 403 403 409 403 403 409 409 409 403 401
#                                             U   I   R   D   E   P   A   M   S   X   Y   -
api-version-judgements          GET  read     403 403 403 403 200 200 200 200 200 200 403 401
api-version-judgements          POST train    403 403 403 403 202 202 403 202 202 202 403 401
api-training-run-learning-curve GET  read     403 403 403 403 200 200 200 200 200 200 403 401
api-training-run-learning-curve POST train    403 403 403 403 409 403 403 409 409 404 403 401
api-gate-rules                  GET  read     403 403 403 403 200 200 200 200 200 200 403 401
api-gate-rules                  POST promote  403 403 403 403 403 201 403 201 201 201 403 401
api-gate-rule                   GET  read     403 403 403 403 200 200 200 200 200 200 403 401
api-gate-decisions              GET  read     403 403 403 403 200 200 200 200 200 200 403 401
api-gate-decision               GET  read     403 403 403 403 200 200 200 200 200 200 403 401
api-proposals                   GET  read     403 403 403 403 200 200 200 200 200 200 403 401
api-proposal                    GET  read     403 403 403 403 200 200 200 200 200 200 403 401
api-proposal-approve            POST promote  403 403 403 403 403 409 403 409 409 409 403 401
api-proposal-decline            POST promote  403 403 403 403 200 200 403 200 200 200 403 401
api-promotions                  GET  read     403 403 403 403 200 200 200 200 200 200 403 401
api-model-version               GET  read     403 403 403 403 200 200 200 200 200 200 403 401
api-readings                    GET  read     200 200 200 200 200 200 200 200 200 200 200 401
api-readings                    POST review   403 403 200 403 403 403 403 403 403 404 404 401
api-reading                     GET  read     404 404 200 404 404 404 404 404 404 404 404 401
api-reading-events              GET  read     404 404 200 404 404 404 404 404 404 404 404 401
api-first-read                  POST review   404 404 201 404 404 404 404 404 404 404 404 401
api-range-first-read            POST review   404 404 201 404 404 404 404 404 404 404 404 401
api-reveal                      POST review   404 404 200 404 404 404 404 404 404 404 404 401
api-verdict                     POST review   404 404 422 404 404 404 404 404 404 404 404 401
api-amend                       POST review   404 404 422 404 404 404 404 404 404 404 404 401
api-withdraw                    POST review   404 404 201 404 404 404 404 404 404 404 404 401
#                                             U   I   R   D   E   P   A   M   S   X   Y   -
api-undo                        POST review   404 404 201 404 404 404 404 404 404 404 404 401
api-draft                       PUT  review   404 404 200 404 404 404 404 404 404 404 404 401
api-labels                      GET  read     403 403 403 403 200 200 200 200 200 404 404 401
api-disagreements               GET  read     403 403 403 200 403 403 403 403 403 404 404 401
api-disagreement                GET  read     403 403 403 200 403 403 403 403 403 404 404 401
api-collection-adjudications    GET  read     403 403 403 200 403 403 403 403 403 404 404 401
api-adjudications               POST review   403 403 403 409 403 403 403 403 403 404 404 401
api-label-sets                  GET  read     200 200 200 200 200 200 200 200 200 200 200 401
api-eligibility                 GET  read     403 403 403 403 200 403 403 200 200 404 404 401
api-eligibility                 PUT  label    403 403 403 403 200 403 403 200 200 404 404 401
api-dry-run                     GET  read     403 403 403 403 200 403 403 200 200 404 404 401
api-collection-label-sets       GET  read     403 403 403 403 200 200 200 200 200 404 404 401
api-collection-label-sets       POST label    403 403 403 403 201 403 403 201 201 404 404 401
api-label-set                   GET  read     404 404 404 404 200 200 200 200 200 404 404 401
api-label-set-entries           GET  read     404 404 404 404 200 200 200 200 200 404 404 401
api-label-set-differences       GET  read     404 404 404 404 422 422 422 422 422 404 404 401
api-likely-errors               GET  read     404 404 404 404 200 200 200 200 200 404 404 401
api-likely-errors               POST label    404 404 404 404 202 403 403 202 202 404 404 401
api-label-set-send-back         POST label    404 404 404 404 200 403 403 200 200 404 404 401
api-label-set-export            GET  read     404 404 404 404 200 200 200 200 200 404 404 401
api-imports                     POST label    403 403 403 403 200 403 403 200 200 404 404 401
api-label-set-imports           POST label    403 403 403 403 400 403 403 400 400 404 404 401
api-manifest                    GET  read     404 404 404 404 200 200 200 200 200 404 404 401
api-worklist                    GET  read     403 403 200 403 403 403 403 403 403 404 404 401
api-protocol                    GET  read     403 403 403 403 403 403 403 200 200 404 404 401
#                                             U   I   R   D   E   P   A   M   S   X   Y   -
api-protocol                    PUT  label    403 403 403 403 403 403 403 200 200 404 404 401
api-known-cases                 GET  read     403 403 403 403 403 403 403 200 200 404 404 401
api-known-cases                 POST label    403 403 403 403 403 403 403 201 201 404 404 401
api-known-case-take-back        POST label    403 403 403 403 403 403 403 204 204 404 404 401
api-figures                     GET  read     403 403 200 200 200 200 200 200 200 404 404 401
api-figures                     POST label    403 403 403 403 202 202 403 202 202 404 404 401
api-own-figures                 GET  read     403 403 200 403 403 403 403 403 403 404 404 401
api-shadows                     GET  read     403 403 403 403 200 200 200 200 200 404 404 401
api-shadows                     POST train    403 403 403 403 409 403 403 409 409 404 404 401
api-shadow-end                  POST train    403 403 403 403 200 403 403 200 200 404 404 401
api-rescores                    GET  read     403 403 403 403 200 200 200 200 200 404 404 401
api-rescores                    POST train    403 403 403 403 409 403 403 409 409 404 404 401
api-rescore                     GET  read     403 403 403 403 200 200 200 200 200 404 404 401
api-rescore-pause               POST train    403 403 403 403 200 403 403 200 200 404 404 401
api-rescore-resume              POST train    403 403 403 403 409 403 403 409 409 404 404 401
api-rescore-cancel              POST train    403 403 403 403 200 403 403 200 200 404 404 401
api-label-set-retrain           GET  read     404 404 404 404 200 403 403 200 200 404 404 401
api-label-set-retrain           POST train    404 404 404 404 409 403 403 409 409 404 404 401
api-retraining-plan             GET  read     403 403 403 403 200 403 403 200 200 404 404 401
api-retraining-plan             PUT  train    403 403 403 403 412 403 403 412 412 404 404 401
api-image-trace                 GET  read     403 403 403 403 200 200 200 200 200 404 404 401
api-training-runs               GET  read     403 403 403 403 200 200 200 200 200 200 403 401
api-training-run                GET  read     403 403 403 403 200 200 200 200 200 200 403 401
api-training-run-cancel         POST train    403 403 403 403 202 403 403 202 202 404 403 401
api-training-run-trace          GET  read     403 403 403 403 200 200 200 200 200 403 403 401
#                                             U   I   R   D   E   P   A   M   S   X   Y   -
api-webhooks                    GET  read     200 200 200 200 200 200 200 200 200 200 200 401
api-webhooks                    POST manage   201 201 201 201 201 201 201 201 201 404 404 401
api-webhook                     GET  read     404 404 404 404 200 404 404 404 404 404 404 401
api-webhook                     DELETE manage   404 404 404 404 204 404 404 404 404 404 404 401
api-webhook-pause               POST manage   404 404 404 404 200 404 404 404 404 404 404 401
api-webhook-resume              POST manage   404 404 404 404 200 404 404 404 404 404 404 401
api-webhook-secret              POST manage   404 404 404 404 201 404 404 404 404 404 404 401
api-webhook-test                POST manage   404 404 404 404 202 404 404 404 404 404 404 401
api-webhook-deliveries          GET  read     404 404 404 404 200 404 404 404 404 404 404 401
api-webhook-redeliver           POST manage   404 404 404 404 409 404 404 404 404 404 404 401
api-study-receipt               GET  read     200 200 200 200 200 200 200 200 200 404 404 401
api-archives                    GET  read     200 200 200 200 200 200 200 200 200 200 200 401
api-archives                    POST upload   201 403 403 403 403 403 403 201 201 404 404 401
api-archive                     GET  read     200 404 404 404 404 404 404 404 404 404 404 401
api-archive-parts               GET  read     200 404 404 404 404 404 404 404 404 404 404 401
api-archive-part                PUT  upload   204 404 404 404 404 404 404 404 404 404 404 401
api-archive-complete            POST upload   409 404 404 404 404 404 404 404 404 404 404 401
api-archive-store               POST upload   409 404 404 404 404 404 404 404 404 404 404 401
api-archive-cancel              POST upload   200 404 404 404 404 404 404 404 404 404 404 401
api-archive-entries             GET  read     200 404 404 404 404 404 404 404 404 404 404 401
dicomweb-studies                POST upload   400 403 403 403 403 403 403 400 400 200 403 401
dicomweb-study                  POST upload   400 403 403 403 403 403 403 400 400 409 403 401
dicomweb-collection-studies     POST upload   200 403 403 403 403 403 403 200 200 404 404 401
dicomweb-collection-study       POST upload   409 403 403 403 403 403 403 409 409 404 404 401
#                                             U   I   R   D   E   P   A   M   S   X   Y   -
api-quarantine                  GET  read     200 200 200 200 200 200 200 200 200 200 200 401
api-collection-quarantine       GET  read     200 200 200 200 200 200 200 200 200 404 404 401
api-quarantined                 GET  read     404 200 404 404 404 404 404 200 200 404 404 401
api-quarantined-pixels          GET  read     404 200 404 404 404 404 404 200 200 404 404 401
api-quarantined-release         POST review   404 200 404 404 404 404 404 200 200 404 404 401
api-quarantined-mask            POST review   404 200 404 404 404 404 404 200 200 404 404 401
api-quarantined-reject          POST review   404 200 404 404 404 404 404 200 200 404 404 401
api-image-dicom                 GET  read     200 200 200 200 200 200 200 200 200 404 404 401
api-image-report                GET  read     200 200 403 403 200 200 200 200 200 404 404 401
api-image-saliency              GET  read     200 200 403 403 200 200 200 200 200 404 404 401
api-study-report                GET  read     200 200 403 403 200 200 200 200 200 404 404 401
api-study-results               GET  read     200 200 403 403 200 200 200 200 200 404 404 401
"""
