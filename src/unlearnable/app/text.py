"""Every sentence of the app, in English."""

NAME = "unlearnable"
TITLE = "Protect your photos"
PROMISE = "Nothing leaves this computer. Your originals are only read."
WHAT = (
    "A small change, searched for the purpose, makes photos hard to learn from: a network that is trained on them "
    "finds the change and not what they show. It raises the cost for someone who trains on these files as they are. "
    "It never promises more."
)
NO_SCRIPT = "This page needs JavaScript; without it, `unlearnable protect FOLDER -o NEW-FOLDER` does the same."

CHOOSE, CHOOSE_HINT = "Choose a folder", "Sub-folders are people or kinds of things; everything below is included."
DROP, DROP_HINT = "Or drop photos here", "Copies of them are kept in this app's own folder."
ADD = "Add photos"
CHOOSE_INSIDE = "This folder is too much at once: choose one folder inside it, so that the copies can lie beside that."
USE, CANCEL, UP, OPEN_PATH = "Use this folder", "Cancel", "One folder up", "Folder"
RECENT, NO_JOBS = "Recent", "Nothing yet."

LOOK_FIRST = "Look first"
READING = "Reading the folder …"
MAKING_PREVIEW = "Protecting three of your photos to show you …"
STRENGTH = "Strength"
STRENGTHS = {
    "low": "Low: the change itself is at most 4 of 255 levels a pixel",
    "medium": "Medium: up to 8 of 255 levels",
    "high": "High: up to 16 of 255 levels",
}
STRENGTH_HINT = "JPEG then moves single pixels further; under each photo it says how far."
SEEN = (
    (38.0, "Hard to see, even side by side."),
    (34.0, "Can be seen when you flip between the two, mostly in plain areas."),
    (0.0, "Can be seen as a tint or texture in plain areas, such as sky or skin."),
)
"""From which PSNR in dB a sentence holds."""

MOVED = "PSNR {psnr:.1f} dB, SSIM {ssim:.3f}; no pixel moved by more than {linf:.0f} of 255 levels."

CATEGORY = "What the photos show"
BY_LIST, LIST_FILE = "A list says who or what is in each photo", "The list, a CSV file"
LIST_HINT = "Two columns: the file's name (with its sub-folder, if it has one) and the category."
BY_FOLDER, ONE = "Each sub-folder is one person or thing", "All photos are of one person or thing"
ONE_NAME = "Name"
OUTPUT = "Write the protected copies to"
FORMAT = "File type"
FORMATS = {
    "keep": "As it is (JPEG stays JPEG, which blurs the limit on single pixels)",
    "png": "PNG: exact, several times larger",
    "webp": "WebP, lossless: exact, larger",
}
OPTOUT = "Ask in each photo's metadata not to train AI on it"
OPTOUT_HINT = (
    "A request that honest crawlers can read. It can be stripped, it shows that the photo may be protected, and a site "
    "may remove it when you upload."
)
BEFORE, AFTER, DIFFERENCE = "Original", "Protected", "Difference × 10"
COMPARE, ACTUAL = "Compare", "100 %"
SLIDE = "Slide between the original and the protected photo"
PROTECT = "Protect {count} photos"
PROTECT_ONE = "Protect 1 photo"
ESTIMATE = (
    "It will take about {time}: {seconds:.1f} s for each of these on one of {cores} cores, {check:.1f} s to check it."
)
SOON = "It will take a few seconds."
NO_PICTURES = "Files that are no pictures stay where they are: {count}."
CANNOT = "Cannot be protected: {count}"
UNMATCHED = "The list does not fit:"
AND_MORE = "and {count} more"
FOUND = "{count} photos, {size}, in {categories}"

PAUSE, RESUME, SKIP, UNSKIP, TRY_AGAIN = "Pause", "Go on", "Skip", "Take in", "Try again"
STATES = {"waiting": "in line", "running": "running", "paused": "paused", "done": "done", "failed": "stopped"}
FILE_STATES = {
    "waiting": "waiting",
    "protected": "protected",
    "kept": "was protected already",
    "failed": "not protected",
    "skipped": "left out",
    "other": "no picture",
}
CLOSE_SAFELY = "You can close this page: the work goes on, and is here when you come back."
ALL_FILES, PROBLEMS, TO_DO = "All", "Problems", "Waiting"
NO_FILES = "None."
MORE, PREVIOUS = "Next 50", "Previous 50"

CHECKING = "Reading what was written again, and comparing it with the originals …"
FINISHED = "{protected} photos are protected."
NOT_DONE = "Could not be protected, so that no copy is in the folder: {count}."
LEFT_OUT = "Left out, as you asked: {count}."
SHOW_PROBLEMS = "Show them"
CHECKED = "All {checked} files were read again and are as they should be."
CHECK_WEAK = (
    "Less of the change is left than is good in {count} of the files: where a photo is black or white there is no room "
    "for it, and JPEG of low quality takes some."
)
CHECK_FAILED = "{count} of the files failed the check:"
LOSSY = (
    "{count} of them are JPEG or the like: the limit on a pixel holds before compression, and single pixels move "
    "further after it."
)
WHERE = "They are in"
OPEN_FOLDER, DOWNLOAD_ZIP, PROVE = "Open folder", "Download as ZIP", "Prove it"
DOES_IT_WORK = "Does it work? Prove it by training"
KEEP_MANIFEST = "Keep manifest.jsonl to yourself: it says which noise is in which photo. The ZIP leaves it out."

OTHERS = "Folder of other people's photos, one sub-folder each (needed if yours are of one person)"
PICTURES = "Show three photos in the report"
PICTURES_HINT = "Small ones, of the unprotected originals too: whoever publishes the report publishes them."
PROOF_TITLE = "Proof"
PROVE_HINT = (
    "Trains a network on your originals, on randomly changed and on the protected photos, and against what an "
    "exploiter might do; one training of each. First it reads up to 1,200 of your photos, originals and copies, in "
    "about half a second for a file of 12 megapixels: hundreds of large photos take longer to read than to train on. "
    "If you pause meanwhile, reading begins anew; trainings that are done are kept."
)
ROWS = {
    "clean": "clean photos",
    "random": "random noise",
    "smooth": "smooth random colours",
    "protected": "protected",
    "gray": "turned grey",
    "resize:0.5": "half size",
    "jpeg:75": "JPEG 75",
    "jpeg:10": "JPEG 10",
    "orthogonal-projection": "linear signal out",
}
CURVES = "Clean photos recognised, % by epoch"
WORST = "Worst case: {title}, {best:.1f} % at its best epoch: {verdict}."
TABLE = ("Trained on", "Best epoch", "Last epoch", "Verdict")
GUESSING = "Guessing gives {chance:.1f} %."
DOWNLOAD_REPORT, DOWNLOAD_JSON, OPEN_REPORT = "Download report", "Download numbers (JSON)", "Open report"
NOT_PROTECTED_TITLE = "What this does not protect"
NOT_PROTECTED = (
    "photos that were copied before they were protected",
    "photos whose unprotected versions are also public",
    "from face search and other models that were trained on other photos",
    "against an exploiter who knows this method and works against it: see the rows that failed",
    "for ever: new countermeasures come",
)

LAB = "Noise lab"
LAB_HINT = (
    "For researchers: any method of the registry on a small data set, one training on clean images and one on "
    "protected ones, through the same countermeasure. One seed: a look, not a result."
)
LAB_LOADING = "Loading the methods …"
LAB_METHOD, LAB_DATA, LAB_PER_CLASS, LAB_AGAINST = "Method", "Data", "Images per class", "Countermeasure"
LAB_SETTINGS, LAB_START, LAB_DOWNLOAD = "Settings", "Craft and train", "Download noise"
LAB_CRAFTED = "Crafted in {seconds:.0f} s."
LAB_PICTURE = "Originals, the difference × 10, and published images."

HISTORY = "History"
DELETE, DELETE_ASK = "Delete", "Delete this from the history? Photos stay where they are."
DELETE_FILES = "Delete the protected copies too"
DELETE_UPLOADS = "The copies that were made when you dropped photos into this app are deleted with it."
SHARED_OUTPUT = "another job's copies are in {folder} too: delete that one from the history first, without them"
NO_COPIES = "No copies were deleted: {folder} has no manifest that says which files they are."
PHOTOS = "Photos"
DARK = "Light or dark"
KINDS = {"protect": "Protect", "prove": "Proof", "lab": "Noise lab"}

OUTSIDE_GONE = "The folder {folder} is not there any more."
NO_PHOTOS = "There are no photos in {folder}."
NO_SPACE = "There may be too little room: {need} are needed and {free} are free on that disk."
UPLOAD_REFUSED = "At most {count} photos of {size} each, {total} together; larger folders are chosen, not dropped."
REJECTED = {"accept": "Left out as no photos: {count}.", "duplicate": "Left out as dropped twice: {count}."}
GO_ON = "Go on with the rest: {count}"
TAKEN = "port {port} is taken, so this is port {other}"
RUNNING = "it is running already: {url}"
